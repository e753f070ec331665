package registry_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/registry"
)

// arnPattern is what Lambda's model says of ARNs.
const arnPattern = `arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)`

// Every text of AWS's that can be provoked here, provoked over HTTP.
func TestTexts(t *testing.T) {
	a := newAccount(t)
	const (
		mappings   = "/2015-03-31/event-source-mappings"
		ipve       = registry.CodeInvalidParameterValue
		validation = registry.CodeValidation
	)
	onFailure := func(arn string) map[string]any {
		return map[string]any{"OnFailure": map[string]any{"Destination": arn}}
	}
	filters := func(patterns ...string) map[string]any {
		list := []map[string]string{}
		for _, p := range patterns {
			list = append(list, map[string]string{"Pattern": p})
		}
		return map[string]any{"Filters": list}
	}
	between := func(value any, member, than string, limit int) string {
		return fmt.Sprintf("1 validation error detected: Value '%v' at '%s' failed to satisfy constraint: Member must have value %s than or equal to %d",
			value, member, than, limit)
	}
	kinesisActions := []string{"kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords"}
	cannotRead := "Cannot access stream " + streamARN + ". Please ensure the role can perform the GetRecords, GetShardIterator, " +
		"DescribeStream, DescribeStreamSummary, ListShards, and ListStreams Actions on your stream."
	cannotSubscribe := "Cannot access event source " + a.consumer + ". Please ensure the role can perform the DescribeStreamSummary, " +
		"ListShards, GetShardIterator and GetRecords actions on your stream and SubscribeToShard on your consumer."

	for name, c := range map[string]struct {
		role    []string // what ship-orders may do; nil: everything
		body    string
		code    string
		status  int // 0: 400
		message string
	}{
		"no starting position": {
			body: with("StartingPosition", nil), code: ipve,
			message: "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
		},
		"a starting position that there is not": {
			body: with("StartingPosition", "BOGUS"), code: validation,
			message: "1 validation error detected: Value 'BOGUS' at 'startingPosition' failed to satisfy constraint: " +
				"Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
		},
		"BatchSize 10001": {body: with("BatchSize", 10001), code: validation, message: between(10001, "batchSize", "less", 10000)},
		"BatchSize 0":     {body: with("BatchSize", 0), code: validation, message: between(0, "batchSize", "greater", 1)},
		"ParallelizationFactor 11": {
			body: with("ParallelizationFactor", 11), code: validation, message: between(11, "parallelizationFactor", "less", 10),
		},
		"ParallelizationFactor 0": {
			body: with("ParallelizationFactor", 0), code: validation, message: between(0, "parallelizationFactor", "greater", 1),
		},
		"window 301": {
			body: with("MaximumBatchingWindowInSeconds", 301), code: validation, message: between(301, "maximumBatchingWindowInSeconds", "less", 300),
		},
		"window -1": {
			body: with("MaximumBatchingWindowInSeconds", -1), code: validation, message: between(-1, "maximumBatchingWindowInSeconds", "greater", 0),
		},
		"tumbling 901": {
			body: with("TumblingWindowInSeconds", 901), code: validation, message: between(901, "tumblingWindowInSeconds", "less", 900),
		},
		"retries 10001": {
			body: with("MaximumRetryAttempts", 10001), code: validation, message: between(10001, "maximumRetryAttempts", "less", 10000),
		},
		"retries -2": {body: with("MaximumRetryAttempts", -2), code: validation, message: between(-2, "maximumRetryAttempts", "greater", -1)},
		"age 604801": {
			body: with("MaximumRecordAgeInSeconds", 604801), code: validation, message: between(604801, "maximumRecordAgeInSeconds", "less", 604800),
		},
		"two constraints": {
			body: with("BatchSize", 10001, "ParallelizationFactor", 11), code: validation,
			message: "2 validation errors detected: Value '10001' at 'batchSize' failed to satisfy constraint: " +
				"Member must have value less than or equal to 10000; Value '11' at 'parallelizationFactor' failed to satisfy constraint: " +
				"Member must have value less than or equal to 10",
		},
		"response type": {
			body: with("FunctionResponseTypes", []string{"Bad"}), code: validation,
			message: "1 validation error detected: Value '[Bad]' at 'functionResponseTypes' failed to satisfy constraint: " +
				"Member must satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures], Member must not be null]",
		},
		"age 0": {
			body: with("MaximumRecordAgeInSeconds", 0), code: ipve,
			message: "MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)",
		},
		"age 59": {
			body: with("MaximumRecordAgeInSeconds", 59), code: ipve,
			message: "MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)",
		},
		"AT_TIMESTAMP without one": {body: with("StartingPosition", "AT_TIMESTAMP"), code: ipve, message: "Need to specify a timestamp"},
		"a timestamp without AT_TIMESTAMP": {
			body: with("StartingPositionTimestamp", 1e9), code: ipve, message: "Timestamp only valid with StartingPosition AT_TIMESTAMP",
		},
		"a timestamp in the future": {
			body: with("StartingPosition", "AT_TIMESTAMP", "StartingPositionTimestamp", 9789811731.0856), code: ipve,
			message: "Received Exception while reading from provided stream. The timestampInMillis parameter cannot be greater than the " +
				"currentTimestampInMillis. timestampInMillis: 9789811731000, currentTimestampInMillis: NOW",
		},
		"no stream": {
			body: with("EventSourceArn", streamARN+"-of-others"), code: ipve, message: "Stream not found: " + streamARN + "-of-others",
		},
		"no function": {body: with("FunctionName", "nobody"), code: ipve, message: "Function does not exist"},
		// The model's pattern lets these pass, so that they can't be said not to match it.
		"function: dots":   {body: with("FunctionName", "bill.orders"), code: ipve, message: "Function does not exist"},
		"function: long":   {body: with("FunctionName", strings.Repeat("x", 65)), code: ipve, message: "Function does not exist"},
		"function: region": {body: with("FunctionName", "us-east-1:123456789012:function:x"), code: ipve, message: "Function does not exist"},
		"a destination that does not exist": {
			body: with("DestinationConfig", onFailure("arn:aws:sqs:us-east-1:123456789012:nowhere")), code: ipve,
			message: "Destination not found: arn:aws:sqs:us-east-1:123456789012:nowhere: The specified queue does not exist.",
		},
		"a destination of no service that takes documents": {
			body: with("DestinationConfig", onFailure("arn:aws:lambda:us-east-1:123456789012:function:f")), code: ipve,
			message: "Unsupported destination arn:aws:lambda:us-east-1:123456789012:function:f: it must be a queue, a topic or a bucket.",
		},
		"a source that is no ARN": {
			body: with("EventSourceArn", "orders"), code: validation,
			message: "1 validation error detected: Value 'orders' at 'eventSourceArn' failed to satisfy constraint: Member must satisfy regular expression pattern: " + arnPattern,
		},
		"a source with a line end": {
			body: with("EventSourceArn", streamARN+"\n"), code: validation,
			message: "1 validation error detected: Value '" + streamARN + "\n' at 'eventSourceArn' failed to satisfy constraint: Member must satisfy regular expression pattern: " + arnPattern,
		},
		"a source with a space": {body: with("EventSourceArn", streamARN+" x"), code: ipve, message: "Unrecognized event source."},
		"a destination that is no ARN": {
			body: with("DestinationConfig", onFailure("lost orders")), code: validation,
			message: "1 validation error detected: Value 'lost orders' at 'destinationConfig.onFailure.destination' failed to satisfy constraint: " +
				`Member must satisfy regular expression pattern: $|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|` + arnPattern,
		},
		"a key that is no ARN": {
			body: with("KMSKeyArn", "alias/orders"), code: validation,
			message: "1 validation error detected: Value 'alias/orders' at 'kMSKeyArn' failed to satisfy constraint: " +
				`Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()`,
		},
		"a tag of other characters": {
			body: with("Tags", map[string]string{"a*b": "x"}), code: validation,
			message: "1 validation error detected: Value 'a*b' at 'tags.key' failed to satisfy constraint: " +
				`Member must satisfy regular expression pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)`,
		},
		"no source":      {body: with("EventSourceArn", nil), code: ipve, message: "Unrecognized event source."},
		"unknown source": {body: with("EventSourceArn", "arn:aws:foo:us-east-1:123456789012:bar"), code: ipve, message: "Unrecognized event source."},
		"dynamodb":       {body: with("EventSourceArn", dynamoARN), code: ipve, message: "Unrecognized event source."},
		"filter: string": {body: with("FilterCriteria", filters("single-string")), code: ipve, message: "Invalid filter pattern definition."},
		"filter: broken": {body: with("FilterCriteria", filters(`{"data":`)), code: ipve, message: "Invalid filter pattern definition."},
		"filter: leaf":   {body: with("FilterCriteria", filters(`{"data":{"a":1}}`)), code: ipve, message: "Invalid filter pattern definition."},
		"filter: empty":  {body: with("FilterCriteria", filters(`{"data":{"a":[]}}`)), code: ipve, message: "Invalid filter pattern definition."},
		"filter: operator": {
			body: with("FilterCriteria", filters(`{"data":{"a":[{"like":"b"}]}}`)), code: ipve, message: "Invalid filter pattern definition.",
		},
		"tumbling with PF 2": {
			body: with("TumblingWindowInSeconds", 10, "ParallelizationFactor", 2), code: ipve,
			message: "Parallelization factor must be equal to 1 when tumbling window period is configured",
		},
		"tumbling with filters": {
			body: with("TumblingWindowInSeconds", 10, "FilterCriteria", filters(`{"data":{"a":[1]}}`)), code: ipve,
			message: "FilterCriteria must be empty when tumbling window period is configured", // ours
		},
		"ScalingConfig": {
			body: with("ScalingConfig", map[string]any{"MaximumConcurrency": 2}), code: ipve,
			message: "Unsupported ScalingConfig parameter for given event source mapping type.",
		},
		"OnSuccess": {
			body: with("DestinationConfig", map[string]any{"OnSuccess": map[string]any{"Destination": queueARN}}), code: ipve,
			message: "OnSuccess configuration is not supported for event source mappings.",
		},
		"a role that may not read": {
			role: []string{"kinesis:ListShards", "kinesis:GetShardIterator"}, body: with("FunctionName", "ship-orders"), code: ipve, message: cannotRead,
		},
		"a role that may not subscribe": {
			role: kinesisActions, body: with("FunctionName", "ship-orders", "EventSourceArn", a.consumer), code: ipve, message: cannotSubscribe,
		},
		"a role that may not send": {
			role: kinesisActions, body: with("FunctionName", "ship-orders", "DestinationConfig", onFailure(queueARN)), code: ipve,
			message: "The function execution role does not have permissions to call SendMessage on SQS",
		},
		"a role that may not publish": {
			role: kinesisActions, body: with("FunctionName", "ship-orders", "DestinationConfig", onFailure(topicARN)), code: ipve,
			message: "The function execution role does not have permissions to call Publish on SNS",
		},
		"a role that does not trust": {
			body: with("FunctionName", "lone-orders"), code: ipve,
			message: "Please add Lambda as a Trusted Entity for " + strangers,
		},
		"the same again": {
			body: with("FunctionName", "bill-orders"), code: registry.CodeResourceConflict, status: 409,
			message: `The event source arn (" ` + streamARN + ` ") and function (" bill-orders ") provided mapping already exists. ` +
				`Please update or delete the existing mapping with UUID ` + a.settled,
		},
	} {
		t.Run("create/"+name, func(t *testing.T) {
			a.setRole("*")
			if c.role != nil {
				a.setRole(c.role...)
			}
			a.expect(t, "POST", mappings, c.body, max(400, c.status), c.code, c.message)
		})
	}

	// Accepted, though one might think otherwise.
	a.setRole(kinesisActions...)
	for name, body := range map[string]string{
		"BatchSize 101, window 0":         with("BatchSize", 101),
		"age 60":                          with("MaximumRecordAgeInSeconds", 60, "FunctionName", "bill-orders:age"),
		"tumbling, and an empty filter":   with("TumblingWindowInSeconds", 10, "FilterCriteria", filters(), "FunctionName", "bill-orders:window"),
		"a role without ListStreams":      with("FunctionName", "ship-orders"),
		"a time with a fraction":          with("StartingPosition", "AT_TIMESTAMP", "StartingPositionTimestamp", 1.5, "FunctionName", "bill-orders:time"),
		"an unknown member":               with("Nonsense", 1, "FunctionName", "bill-orders:nonsense"),
		"a destination of the host's own": with("DestinationConfig", onFailure(queueARN), "FunctionName", "bill-orders:queue"),
	} {
		t.Run("accepted/"+name, func(t *testing.T) {
			status, _, answer := a.send("POST", mappings, body)
			assert.Equal(t, 202, status, answer)
			assert.NotContains(t, answer, "FilterCriteria")
		})
	}

	gone := "The resource you requested does not exist."
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		t.Run(method+" of an unknown UUID", func(t *testing.T) {
			a.expect(t, method, mappings+"/"+unknownUUID, "", 404, registry.CodeResourceNotFound, gone)
		})
	}
	for uuid, text := range map[string]string{
		"nonsense":        "1 validation error detected: Value 'nonsense' at 'uUID' failed to satisfy constraint: Member must have length greater than or equal to 36",
		unknownUUID + "0": "1 validation error detected: Value '" + unknownUUID + "0' at 'uUID' failed to satisfy constraint: Member must have length less than or equal to 36",
	} {
		for method, body := range map[string]string{"GET": "", "PUT": "{}", "DELETE": ""} {
			a.expect(t, method, mappings+"/"+uuid, body, 400, validation, text)
		}
	}
	t.Run("empty is not absent", func(t *testing.T) {
		a.expect(t, "POST", mappings, with("StartingPosition", ""), 400, validation, "1 validation error detected: Value '' at 'startingPosition' "+
			"failed to satisfy constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]")
		a.expect(t, "POST", mappings, with("EventSourceArn", ""), 400, validation, "1 validation error detected: Value '' at 'eventSourceArn' "+
			"failed to satisfy constraint: Member must satisfy regular expression pattern: "+arnPattern)
	})
	t.Run("update", func(t *testing.T) {
		path := mappings + "/" + a.settled
		a.expect(t, "PUT", path, `{"BatchSize":10001}`, 400, validation, between(10001, "batchSize", "less", 10000))
		a.expect(t, "PUT", path, `{"FunctionName":"nobody"}`, 400, ipve, "Function does not exist")
		a.expect(t, "PUT", path, `{"TumblingWindowInSeconds":5,"ParallelizationFactor":2}`, 400, ipve,
			"Parallelization factor must be equal to 1 when tumbling window period is configured")
		status, _, answer := a.send("PUT", path, `{"BatchSize":7,"EventSourceArn":"x","StartingPosition":"LATEST"}`)
		require.Equal(t, 202, status, answer)
		assert.Contains(t, answer, `"StartingPosition":"TRIM_HORIZON","BatchSize":7,`)
		a.expect(t, "PUT", path, `{}`, 400, registry.CodeResourceInUse, "Cannot update the event source mapping because it is in use.")
		a.expect(t, "DELETE", path, "", 400, registry.CodeResourceInUse, "Cannot delete the event source mapping because it is in use.")
	})
	t.Run("tags of nothing", func(t *testing.T) {
		arn := "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:" + unknownUUID
		a.expect(t, "GET", "/2017-03-31/tags/"+arn, "", 404, registry.CodeResourceNotFound, "Event source mapping not found: "+arn)
	})
	t.Run("tags", func(t *testing.T) {
		const taggable = `arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+` +
			`(:(\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}` +
			`-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|(capacity-provider|network-connector):[a-zA-Z0-9-_]{1,64})`
		path := "/2017-03-31/tags/"
		arn := "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:" + a.settled
		for _, bad := range []string{arn + "x", "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:x", "x", "arn:aws:kinesis:us-east-1:123456789012:stream/orders"} {
			text := "1 validation error detected: Value '" + bad + "' at 'resource' failed to satisfy constraint: Member must satisfy regular expression pattern: " + taggable
			a.expect(t, "GET", path+bad, "", 400, validation, text)
			a.expect(t, "POST", path+bad, `{"Tags":{"a":"b"}}`, 400, validation, text)
			a.expect(t, "DELETE", path+bad+"?tagKeys=a", "", 400, validation, text)
		}
		a.expect(t, "POST", path+arn, `{"Tags":{}}`, 400, ipve, "An error occurred and the request cannot be processed.")
		a.expect(t, "POST", path+arn, `{}`, 400, validation, "1 validation error detected: Value null at 'tags' failed to satisfy constraint: Member must not be null")
		a.expect(t, "DELETE", path+arn, "", 400, validation, "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null")
		long := strings.Repeat("k", 129)
		for query, keys := range map[string]string{"?tagKeys=a&tagKeys=" + long: "[a, " + long + "]", "?tagKeys=": "[]", "?tagKeys=%3F": "[?]"} {
			a.expect(t, "DELETE", path+arn+query, "", 400, validation, "1 validation error detected: Value '"+keys+"' at 'tagKeys' failed to satisfy "+
				"constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater "+
				`than or equal to 1, Member must satisfy regular expression pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)]`)
		}
		many := map[string]string{}
		for i := range 51 {
			many[fmt.Sprint("key-", i)] = ""
		}
		text, err := json.Marshal(map[string]any{"Tags": many})
		require.NoError(t, err)
		a.expect(t, "POST", path+arn, string(text), 400, ipve, "Number of tags exceeds resource tag limit.")
		const function = "arn:aws:lambda:us-east-1:123456789012:function:ship-orders"
		a.expect(t, "GET", path+function, "", 404, registry.CodeResourceNotFound, "Function not found: "+function)
	})
	t.Run("malformed ARNs", func(t *testing.T) {
		const bad = "arn:aws:kinesis:us-east-1:12345:stream/orders"
		refused := func(member, pattern string) string {
			return "1 validation error detected: Value '" + bad + "' at '" + member + "' failed to satisfy constraint: Member must satisfy regular expression pattern: " + pattern
		}
		a.expect(t, "POST", mappings, with("EventSourceArn", bad), 400, validation, refused("eventSourceArn", arnPattern))
		a.expect(t, "POST", mappings, with("DestinationConfig", onFailure(bad)), 400, validation,
			refused("destinationConfig.onFailure.destination", `$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|`+arnPattern))
		a.expect(t, "POST", mappings, with("KMSKeyArn", "key/1"), 400, validation, "1 validation error detected: Value 'key/1' at 'kMSKeyArn' "+
			"failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()")
	})
	t.Run("a function's name that the model does not let pass", func(t *testing.T) {
		const notIt = "Value 'a b' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: " +
			`(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?` +
			`([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`
		a.expect(t, "GET", mappings+"?FunctionName=a%20b", "", 400, validation, "1 validation error detected: "+notIt)
		a.expect(t, "PUT", mappings+"/"+a.settled, `{"FunctionName":"a b"}`, 400, validation, "1 validation error detected: "+notIt)
		a.expect(t, "POST", mappings, with("FunctionName", "a b", "BatchSize", 0), 400, validation, "2 validation errors detected: "+notIt+
			"; Value '0' at 'batchSize' failed to satisfy constraint: Member must have value greater than or equal to 1")
	})
}
