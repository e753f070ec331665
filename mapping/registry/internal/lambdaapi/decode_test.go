package lambdaapi

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What comes as JSON, and what is not there, null, or empty.
func TestAnUpdateDistinguishesAbsentFromEmpty(t *testing.T) {
	for body, want := range map[string]UpdateInput{
		``:                                          {},
		`{}`:                                        {},
		" \t\r\n{ } ":                               {},
		`{"BatchSize":null}`:                        {},
		`{"BatchSize":7,"BatchSize":8}`:             {Settings: Settings{BatchSize: new(8)}},
		`{"BatchSize":7,"BatchSize":null}`:          {},
		`{"FunctionName":""}`:                       {FunctionName: new("")},
		`{"FunctionName":"f:prod"}`:                 {FunctionName: new("f:prod")},
		`{"Enabled":false}`:                         {Settings: Settings{Enabled: new(false)}},
		`{"MaximumRetryAttempts":0}`:                {Settings: Settings{MaximumRetryAttempts: new(0)}},
		`{"MaximumRetryAttempts":-1}`:               {Settings: Settings{MaximumRetryAttempts: new(-1)}},
		`{"KMSKeyArn":""}`:                          {Settings: Settings{KMSKeyARN: new("")}},
		`{"FunctionResponseTypes":null}`:            {},
		`{"FunctionResponseTypes":[]}`:              {Settings: Settings{FunctionResponseTypes: []string{}}},
		`{"FunctionResponseTypes":[null,"x"]}`:      {Settings: Settings{FunctionResponseTypes: []string{"x"}}},
		`{"FilterCriteria":null}`:                   {},
		`{"FilterCriteria":{}}`:                     {Settings: Settings{FilterCriteria: &FilterCriteria{}}},
		`{"FilterCriteria":{"Filters":[]}}`:         {Settings: Settings{FilterCriteria: &FilterCriteria{}}},
		`{"FilterCriteria":{"Filters":null,"X":1}}`: {Settings: Settings{FilterCriteria: &FilterCriteria{}}},
		`{"FilterCriteria":{"Filters":[{"Pattern":"{}"},null,{}]}}`: {Settings: Settings{
			FilterCriteria: &FilterCriteria{Filters: []Filter{{Pattern: "{}"}, {}}},
		}},
		`{"DestinationConfig":null}`:                                {},
		`{"DestinationConfig":{}}`:                                  {Settings: Settings{DestinationConfig: &DestinationConfig{}}},
		`{"DestinationConfig":{"OnFailure":{}}}`:                    {Settings: Settings{DestinationConfig: &DestinationConfig{}}},
		`{"DestinationConfig":{"OnFailure":null,"OnSuccess":null}}`: {Settings: Settings{DestinationConfig: &DestinationConfig{}}},
		`{"DestinationConfig":{"OnFailure":{"Destination":""},"OnSuccess":{}}}`: {Settings: Settings{
			DestinationConfig: &DestinationConfig{},
		}},
		`{"DestinationConfig":{"OnFailure":{"Destination":"d"}}}`: {Settings: Settings{
			DestinationConfig: &DestinationConfig{OnFailure: OnFailure{"d"}},
		}},
		`{"DestinationConfig":{"OnSuccess":{"Destination":"d"}}}`: {Settings: Settings{
			DestinationConfig: &DestinationConfig{OnSuccess: true},
		}},
		`{"MetricsConfig":{}}`:             {Settings: Settings{MetricsConfig: &MetricsConfig{}}},
		`{"MetricsConfig":{"Metrics":[]}}`: {Settings: Settings{MetricsConfig: &MetricsConfig{Metrics: []string{}}}},

		// Members that the operation does not know, or that are not written as it knows them.
		`{"EventSourceArn":1,"StartingPosition":{},"StartingPositionTimestamp":"x","Tags":[],"UUID":2}`: {},
		`{"Topics":["t"],"Queues":["q"],"SelfManagedEventSource":{"Endpoints":{}}}`:                     {},
		`{"batchSize":"x","BATCHSIZE":"y","Batchsize":[[[[{}]]]],"":{"a":[1,{"b":null}]}}`:              {},

		// Members that a mapping of a stream can't have.
		`{"ScalingConfig":null,"LoggingConfig":{},"SourceAccessConfigurations":[],"ProvisionedPollerConfig":{"MinimumPollers":null}}`: {},
		`{"ScalingConfig":{"MaximumConcurrency":2},"LoggingConfig":{"SystemLogLevel":"INFO"},"ScalingConfig":{"a":1}}`: {
			Settings: Settings{Unsupported: []string{"ScalingConfig", "LoggingConfig"}},
		},
		`{"SourceAccessConfigurations":[{}],"AmazonManagedKafkaEventSourceConfig":{"a":1},"SelfManagedKafkaEventSourceConfig":{"a":1},` +
			`"DocumentDBEventSourceConfig":{"a":1},"ProvisionedPollerConfig":{"a":1}}`: {Settings: Settings{Unsupported: []string{
			"SourceAccessConfigurations", "AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig",
			"DocumentDBEventSourceConfig", "ProvisionedPollerConfig",
		}}},
	} {
		in, err := decodeUpdate([]byte(body))
		require.NoError(t, err, body)
		assert.Equal(t, want, in, body)
	}
}

func TestACreateHasMembersOfItsOwn(t *testing.T) {
	in, err := decodeCreate([]byte(`{"Tags":{"a":"1","b":null,"c":""},"Topics":["t"],"Queues":["q"],
		"SelfManagedEventSource":{"Endpoints":{"k":["v"]}},"EventSourceArn":null,"FunctionName":"f",
		"StartingPosition":"LATEST"}`))
	require.NoError(t, err)
	assert.Equal(t, CreateInput{
		FunctionName: "f", StartingPosition: "LATEST", Tags: map[string]string{"a": "1", "c": ""},
		Settings: Settings{Unsupported: []string{"Topics", "Queues", "SelfManagedEventSource"}},
	}, in)
}

func TestNumbersAreReadAsAWSReadsThem(t *testing.T) {
	for text, want := range map[string]int{
		"100": 100, "100.0": 100, "1e2": 100, "1.5": 1, "-1": -1, "-1.9": -1, "-0": 0, "0.1E1": 1,
		"99999999999": 2147483647, "-99999999999": -2147483648, "1e400": 2147483647, "-1e400": -2147483648, "1e-400": 0,
	} {
		in, err := decodeUpdate([]byte(`{"BatchSize":` + text + `}`))
		require.NoError(t, err, text)
		assert.Equal(t, want, *in.BatchSize, text)
	}
}

func TestTimesAreReadToTheMillisecond(t *testing.T) {
	for text, want := range map[string]int64{
		"1789811731": 1789811731000, "1789811731.0856": 1789811731085, "1789811731.678": 1789811731678,
		"1789811731.001": 1789811731001, "1789811731.9999": 1789811731999, "1.789811731E9": 1789811731000, "0": 0, "-1.5": -1500,
		"253402300799": 253402300799000, "253402300800": 253402300799000, "1e400": 253402300799000,
		"-62135596799": -62135596799000, "-62135596800": -62135596799000, "-1e400": -62135596799000,
	} {
		in, err := decodeCreate([]byte(`{"StartingPositionTimestamp":` + text + `}`))
		require.NoError(t, err, text)
		assert.Equal(t, time.UnixMilli(want).UTC(), in.StartingPositionTimestamp, text)
		assert.False(t, in.StartingPositionTimestamp.IsZero(), text)
	}
}

func TestAListIsAskedForInTheQuery(t *testing.T) {
	for query, want := range map[string]ListInput{
		"": {},
		"EventSourceArn=arn%3Aaws&FunctionName=f%3Aprod&Marker=a%2Bb%3D&MaxItems=7": {
			EventSourceARN: "arn:aws", FunctionName: "f:prod", Marker: "a+b=", MaxItems: new(7),
		},
		"FunctionName=&MaxItems=":             {},
		"FunctionName=a&FunctionName=b":       {FunctionName: "a"},
		"MaxItems=0":                          {MaxItems: new(0)},
		"MaxItems=-1":                         {MaxItems: new(-1)},
		"MaxItems=99999999999999999999":       {MaxItems: new(2147483647)},
		"maxitems=x&Other=y&FunctionName=%zz": {},
	} {
		values, _ := url.ParseQuery(query) // As net/http does: what can't be parsed is not there.
		in, err := decodeList(values)
		require.NoError(t, err, query)
		assert.Equal(t, want, in, query)
	}
	for _, text := range []string{"x", "1.0", "1e2", " 1", "0x1", "1_0"} {
		_, err := decodeList(url.Values{"MaxItems": {text}})
		assert.EqualError(t, err, "lambdaapi: SerializationException: STRING_VALUE can not be converted to an Integer", text)
	}
}

func TestTagsMayBeMissing(t *testing.T) {
	for body, want := range map[string]map[string]string{
		``: nil, `{}`: nil, `{"Tags":null}`: nil, `{"Tags":{}}`: {}, `{"Tags":{"a":"b","":""},"tags":1}`: {"a": "b", "": ""},
	} {
		tags, err := decodeTags([]byte(body))
		require.NoError(t, err, body)
		assert.Equal(t, want, tags, body)
	}
}

// The SDK has what the service model has: a member that it gains must be decided on here.
func TestEveryMemberOfTheServiceModelIsKnown(t *testing.T) {
	assert.Equal(t, fields(lambda.CreateEventSourceMappingInput{}), names(new(CreateInput).members()))
	update := new(UpdateInput).members()
	update["UUID"] = nil // It is in the path.
	assert.Equal(t, fields(lambda.UpdateEventSourceMappingInput{}), names(update))
}

func fields(input any) map[string]bool {
	set := map[string]bool{}
	for i := range reflect.TypeOf(input).NumField() {
		if f := reflect.TypeOf(input).Field(i); f.IsExported() {
			set[f.Name] = true
		}
	}
	return set
}

func names(m members) map[string]bool {
	set := map[string]bool{}
	for name := range m {
		set[name] = true
	}
	return set
}

// Each wrong type in AWS's words.
func TestWrongTypesAreRefusedInTheWordsOfAWS(t *testing.T) {
	const list, object = "Start of list found where not expected", "Start of structure or map found where not expected."
	for body, want := range map[string]string{
		`[]`:                                                    list,
		`[{"BatchSize":1}]`:                                     list,
		`{"BatchSize":"1"}`:                                     "STRING_VALUE can not be converted to an Integer",
		`{"BatchSize":true}`:                                    "TRUE_VALUE can not be converted to an Integer",
		`{"BatchSize":false}`:                                   "FALSE_VALUE can not be converted to an Integer",
		`{"BatchSize":[1]}`:                                     list,
		`{"BatchSize":{"a":1}}`:                                 object,
		`{"FunctionName":1}`:                                    "NUMBER_VALUE can not be converted to a String",
		`{"FunctionName":1.5}`:                                  "NUMBER_VALUE can not be converted to a String",
		`{"FunctionName":true}`:                                 "TRUE_VALUE can not be converted to a String",
		`{"FunctionName":["x"]}`:                                list,
		`{"FunctionName":{}}`:                                   object,
		`{"Enabled":0}`:                                         "NUMBER_VALUE can not be converted to a Boolean",
		`{"Enabled":-1}`:                                        "NUMBER_VALUE can not be converted to a Boolean",
		`{"Enabled":"true"}`:                                    "STRING_VALUE can not be converted to a Boolean",
		`{"Enabled":[]}`:                                        list,
		`{"Enabled":{}}`:                                        object,
		`{"FunctionResponseTypes":"x"}`:                         "Expected list or null",
		`{"FunctionResponseTypes":1}`:                           "Expected list or null",
		`{"FunctionResponseTypes":{}}`:                          object,
		`{"FunctionResponseTypes":[1]}`:                         "NUMBER_VALUE can not be converted to a String",
		`{"FunctionResponseTypes":[["x"]]}`:                     list,
		`{"FilterCriteria":"x"}`:                                "Expected null",
		`{"FilterCriteria":1}`:                                  "Expected null",
		`{"FilterCriteria":[]}`:                                 list,
		`{"FilterCriteria":{"Filters":{}}}`:                     object,
		`{"FilterCriteria":{"Filters":["x"]}}`:                  "Expected null",
		`{"FilterCriteria":{"Filters":[[]]}}`:                   list,
		`{"FilterCriteria":{"Filters":[{"Pattern":{}}]}}`:       object,
		`{"DestinationConfig":[]}`:                              list,
		`{"DestinationConfig":{"OnFailure":"arn"}}`:             "Expected null",
		`{"DestinationConfig":{"OnFailure":{"Destination":1}}}`: "NUMBER_VALUE can not be converted to a String",
		`{"DestinationConfig":{"OnSuccess":[]}}`:                list,
		`{"MetricsConfig":{"Metrics":"EventCount"}}`:            "Expected list or null",
		`{"Tags":"x"}`:                                          "Expected map or null",
		`{"Tags":[]}`:                                           list,
		`{"Tags":{"a":1}}`:                                      "NUMBER_VALUE can not be converted to a String",
		`{"Topics":"x"}`:                                        "Expected list or null",
		`{"Topics":{}}`:                                         object,
		`{"ScalingConfig":"x"}`:                                 "Expected null",
		`{"ScalingConfig":[]}`:                                  list,
		`{"StartingPositionTimestamp":"2026-01-01T00:00:00Z"}`:  "STRING_VALUE can not be converted to milliseconds since epoch",
		`{"StartingPositionTimestamp":true}`:                    "TRUE_VALUE can not be converted to milliseconds since epoch",
	} {
		_, err := decodeCreate([]byte(body))
		assert.Equal(t, &Error{Code: "SerializationException", Status: 400, Message: want}, err, body)
	}
}

func TestABodyThatIsNoObjectIsUnreadable(t *testing.T) {
	for _, body := range []string{
		" ", "{", "null", "1", "true", `"x"`, `{"BatchSize":1,}`, `{"BatchSize":1} {}`, `{'BatchSize':1}`, "\xef\xbb\xbf{}",
		"{\"FunctionName\":\"\xff\"}", `{"BatchSize":01}`, `{"BatchSize":NaN}`, `{"a":` + strings.Repeat("[", 20000),
		`{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}",
	} {
		_, err := decodeUpdate([]byte(body))
		var refused *Error
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, "SerializationException", refused.Code)
		assert.Equal(t, 400, refused.Status)
		assert.True(t, strings.HasPrefix(refused.Message, "Could not parse request body into json: "), refused.Message)
		assert.Less(t, len(refused.Message), 200, "nothing of the body is repeated")
	}
}
