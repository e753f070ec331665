package dynamostore

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/mapping"
)

// ErrThrottled tells that DynamoDB refused a call for its rate, also when the client tried again; a later call may pass.
// The SDK's error is wrapped beside it.
var ErrThrottled = errors.New("dynamostore: throttled")

// throttles are the codes with which DynamoDB refuses calls for their rate.
var throttles = map[string]bool{
	"ProvisionedThroughputExceededException": true, "RequestLimitExceeded": true, "ThrottlingException": true,
	"Throttling": true, "LimitExceededException": true,
}

// wrap makes an error of this package of one that a call returned.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	what := fmt.Sprintf(format, args...)
	var api smithy.APIError
	switch {
	case isMissing(err):
		return fmt.Errorf("dynamostore: %s: the table does not exist: %w", what, err)
	case errors.As(err, &api) && throttles[api.ErrorCode()]:
		return fmt.Errorf("%w: %s: %w", ErrThrottled, what, err)
	}
	return fmt.Errorf("dynamostore: %s: %w", what, err)
}

// isMissing reports whether a call found no table.
func isMissing(err error) bool {
	_, missing := errors.AsType[*types.ResourceNotFoundException](err)
	return missing
}

// isRefused reports whether a conditional write found its condition unmet. It may have been met the first time, when
// the client tried again because no answer came.
func isRefused(err error) bool {
	_, refused := errors.AsType[*types.ConditionalCheckFailedException](err)
	return refused
}

// damagef returns an error for a row that can't be read.
func damagef(k key, format string, args ...any) error {
	return fmt.Errorf("dynamostore: %s: %s: %w", k, fmt.Sprintf(format, args...), mapping.ErrUnreadable)
}
