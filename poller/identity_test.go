package poller

import (
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// named is a Client that says which service it calls.
type named struct {
	Client
	service string
}

func (n named) Identity() any { return n.service }

// wrapped is a Client of no identity.
type wrapped struct{ Client }

func TestClientsOfOneServiceAreKnownAsSuch(t *testing.T) {
	sdk := func(change ...func(*kinesis.Options)) *kinesis.Client {
		return kinesis.New(kinesis.Options{Region: "us-east-1"}, change...)
	}
	for name, c := range map[string]struct {
		a, b Client
		same bool
	}{
		"two clients of the SDK":     {sdk(), sdk(), true},
		"of two regions":             {sdk(), sdk(func(o *kinesis.Options) { o.Region = "eu-west-1" }), false},
		"of two endpoints":           {sdk(), sdk(func(o *kinesis.Options) { o.BaseEndpoint = aws.String("http://localhost:4566") }), false},
		"of one endpoint":            {sdk(at("http://localhost:4566")), sdk(at("http://localhost:4566")), true},
		"with a dialer of their own": {sdk(dialing), sdk(dialing), false},
		"with middleware":            {sdk(changed), sdk(changed), false},
	} {
		a, b := identityOf(c.a), identityOf(c.b)
		assert.Equal(t, c.same, a == b, name)
		assert.Equal(t, a, identityOf(c.a), "%s: it stays the same", name)
	}
	one := sdk(dialing)
	assert.True(t, identityOf(one) == identityOf(one), "a client is itself")
	assert.True(t, identityOf(named{service: "here"}) == identityOf(named{service: "here"}))
	assert.False(t, identityOf(named{service: "here"}) == identityOf(named{service: "there"}))
	assert.False(t, identityOf(wrapped{one}) == identityOf(wrapped{one}), "who knows what they do")
	assert.True(t, identityOf(&wrapped{one}) != identityOf(&wrapped{one}))
}

func at(url string) func(*kinesis.Options) {
	return func(o *kinesis.Options) { o.BaseEndpoint = &url }
}

// dialing may call any service.
func dialing(o *kinesis.Options) {
	o.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{}).DialContext}}
}

// changed looks at the calls.
func changed(o *kinesis.Options) {
	o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
		return s.Deserialize.Add(middleware.DeserializeMiddlewareFunc("look", nil), middleware.Before)
	})
}

// TestAMeterLivesAsLongAsAReader: Readers of one shard have the same one, and nothing is left of it without them.
func TestAMeterLivesAsLongAsAReader(t *testing.T) {
	set := &meterSet{}
	key := func(shard string) meterKey { return meterKey{"service", testARN, shard} }
	a, b := set.of(key("0")), set.of(key("0"))
	assert.Same(t, a, b)
	assert.NotSame(t, a, set.of(key("1")))
	runtime.KeepAlive(a)
	left := func() int {
		set.mu.Lock()
		defer set.mu.Unlock()
		return len(set.byKey)
	}
	require.Eventually(t, func() bool {
		runtime.GC()
		return left() == 0
	}, 10*time.Second, time.Millisecond)
}
