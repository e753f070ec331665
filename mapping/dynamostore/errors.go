package dynamostore

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/mapping/driver"
)

// ErrThrottled says that DynamoDB refused a call for its rate, even after the client's retries; a later call may
// succeed. The error also wraps the SDK's.
var ErrThrottled = errors.New("dynamostore: throttled")

// throttles are the codes with which DynamoDB refuses calls for their rate.
var throttles = map[string]bool{
	"ProvisionedThroughputExceededException": true, "RequestLimitExceeded": true, "ThrottlingException": true,
	"Throttling": true, "LimitExceededException": true,
}

// wrap turns an error of a call into one of this package.
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

// isRefused reports whether the condition of a conditional write did not hold. It may have held the first time, if the
// client retried because it got no answer.
func isRefused(err error) bool {
	_, refused := errors.AsType[*types.ConditionalCheckFailedException](err)
	return refused
}

// damagef returns an error for a malformed row.
func damagef(k key, format string, args ...any) error {
	return fmt.Errorf("dynamostore: %s: %s: %w", k, fmt.Sprintf(format, args...), driver.ErrUnreadable)
}
