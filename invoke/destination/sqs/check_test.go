package sqs_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	tosqs "github.com/shardmill/shardmill/invoke/destination/sqs"
)

// asked is a Client that answers questions after the queue with an error, or nil, and takes no message.
type asked struct {
	tosqs.Client
	err   error
	calls []string
}

func (a *asked) GetQueueUrl(_ context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error) { //nolint:revive,staticcheck // the SDK's name
	a.calls = append(a.calls, "GetQueueUrl "+*in.QueueName)
	return &sqs.GetQueueUrlOutput{QueueUrl: aws.String(queueURL)}, a.err
}

func (a *asked) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	a.calls = append(a.calls, "GetQueueAttributes "+*in.QueueUrl)
	return &sqs.GetQueueAttributesOutput{}, a.err
}

func TestCheckTellsAMissingQueueFromOneThatMayNotBeAskedFor(t *testing.T) {
	for _, c := range []struct {
		err     error
		missing bool
	}{
		{nil, false},
		{&types.QueueDoesNotExist{Message: aws.String("The specified queue does not exist.")}, true},
		{&types.QueueDoesNotExist{Message: aws.String("The specified queue does not exist or you do not have access to it.")}, false},
		{&smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}, false},
		{assert.AnError, false},
	} {
		for given, call := range map[string]string{queueARN: "GetQueueUrl lost-orders", queueURL: "GetQueueAttributes " + queueURL} {
			client := &asked{err: c.err}
			d, err := tosqs.New(client, given)
			require.NoError(t, err)
			err = d.Check(t.Context())
			assert.Equal(t, []string{call}, client.calls)
			if c.err == nil {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, c.err)
			assert.Equal(t, c.missing, isMissing(err), "%v", err)
		}
	}
}

func isMissing(err error) bool { return errors.Is(err, invoke.ErrDestinationMissing) }
