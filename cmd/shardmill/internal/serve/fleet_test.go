package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

func input(function string) *lambda.CreateEventSourceMappingInput {
	return &lambda.CreateEventSourceMappingInput{
		FunctionName: &function, EventSourceArn: aws.String(orders), StartingPosition: types.EventSourcePositionTrimHorizon,
	}
}

// statuses returns where the mappings stand that run in a server.
func (p *program) statuses(t *testing.T) (all []standingStatus) {
	t.Helper()
	status, body := p.get("/status")
	require.Equal(t, http.StatusOK, status, body)
	var standings []struct{ Status *standingStatus }
	require.NoError(t, json.Unmarshal([]byte(body), &standings))
	for _, s := range standings {
		if s.Status != nil {
			all = append(all, *s.Status)
		}
	}
	return all
}

// held returns how many shards a server has.
func (p *program) held(t *testing.T) (n int) {
	t.Helper()
	for _, s := range p.statuses(t) {
		for _, shard := range s.Shards {
			if strings.HasPrefix(shard.Owner, s.Worker+"/") { // the shards of the other servers have an Owner too
				n++
			}
		}
	}
	return n
}

// stored reports whether all that was read is stored, and there is some.
func (p *program) stored(t *testing.T) bool {
	t.Helper()
	some := false
	for _, s := range p.statuses(t) {
		for _, shard := range s.Shards {
			if shard.Read != shard.Stored {
				return false
			}
			some = some || shard.Stored != batch.Position{}
		}
	}
	return some
}

func TestServersOfAFleetAgree(t *testing.T) {
	t.Parallel()
	db := rig.DynamoDB(t)
	service := kinesistest.New(kinesistest.Config{})
	_, err := service.CreateStream("orders", 4)
	require.NoError(t, err)
	stream := kinesistest.NewServer(service)
	t.Cleanup(stream.Close)
	path := file(t, fmt.Sprintf("kinesis: {endpoint: %q}\nstore: {dynamodb: {endpoint: %q}}\nfunctions: {print: {builtin: print}}", stream.URL, db))
	one, two := start(t, nil, "-config", path), start(t, nil, "-config", path)
	here, there := one.mappings("any", "any"), two.mappings("any", "any")

	uuid := create(t, here, "print", orders, true)
	settle(t, there, uuid, "Enabled")
	_, err = there.CreateEventSourceMapping(t.Context(), input("print"))
	_, ok := errors.AsType[*types.ResourceConflictException](err)
	require.True(t, ok, "%v", err)
	one.eventually(func() bool { return one.held(t) == 2 && two.held(t) == 2 }) // they share the shards
	put(t, stream.Client(), 1, 100)
	one.eventually(func() bool { return len(distinct(t, one.printed(), two.printed())) == 100 })
	assert.NotEmpty(t, one.printed())
	assert.NotEmpty(t, two.printed())

	_, err = here.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: &uuid, Enabled: new(false)})
	require.NoError(t, err)
	asked := time.Now()
	eventually(t, 5*time.Second, func() bool { return len(one.statuses(t)) == 0 && len(two.statuses(t)) == 0 })
	t.Logf("disabled at one server, stopped at both after %s", time.Since(asked).Round(10*time.Millisecond))
	put(t, stream.Client(), 101, 150)
	assert.Never(t, func() bool { return len(distinct(t, one.printed(), two.printed())) > 100 }, 3*time.Second, 100*time.Millisecond)
	settle(t, here, uuid, "Disabled")
	settle(t, there, uuid, "Disabled")

	_, err = there.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: &uuid, Enabled: new(true)})
	require.NoError(t, err)
	one.eventually(func() bool { return len(distinct(t, one.printed(), two.printed())) == 150 })
	assert.Len(t, append(one.printed(), two.printed()...), 150, "it goes on where it was: nothing comes twice")
}
