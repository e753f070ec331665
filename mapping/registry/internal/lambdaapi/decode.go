package lambdaapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"
)

func decodeCreate(body []byte) (in CreateInput, err error) {
	err = decode(body, in.members())
	return in, err
}

func decodeUpdate(body []byte) (in UpdateInput, err error) {
	err = decode(body, in.members())
	return in, err
}

func decodeTags(body []byte) (tags map[string]string, err error) {
	err = decode(body, members{"Tags": plain(&tags, value.dictionary)})
	return tags, err
}

// decodeList takes the first value of each parameter; an empty one counts as absent. That is ours.
func decodeList(query url.Values) (ListInput, error) {
	in := ListInput{
		EventSourceARN: query.Get("EventSourceArn"), FunctionName: query.Get("FunctionName"), Marker: query.Get("Marker"),
	}
	if s := query.Get("MaxItems"); s != "" {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			// AWS's answer for a parameter is not known; this is its answer for a member.
			return in, mistyped("STRING_VALUE can not be converted to an Integer")
		}
		in.MaxItems = new(int(n)) // A value out of range became the limit.
	}
	return in, nil
}

// decode passes the members of a body to m. An empty body is an empty object.
func decode(body []byte, m members) error {
	if len(body) == 0 {
		return nil
	}
	if !utf8.Valid(body) {
		return unreadable("it is not in UTF-8")
	}
	var syntax json.RawMessage
	if err := json.Unmarshal(body, &syntax); err != nil {
		return unreadable(err.Error())
	}
	v := value(bytes.TrimLeft(body, " \t\r\n"))
	if v[0] != '{' && v[0] != '[' {
		return unreadable("it is not an object")
	}
	return v.structure(m)
}

// members are the members of Create.
func (in *CreateInput) members() members {
	m := in.Settings.members()
	maps.Copy(m, members{
		"EventSourceArn":            noting(&in.EmptySource, &in.EventSourceARN),
		"FunctionName":              plain(&in.FunctionName, value.text),
		"StartingPosition":          noting(&in.EmptyPosition, &in.StartingPosition),
		"StartingPositionTimestamp": plain(&in.StartingPositionTimestamp, value.instant),
		"Tags":                      plain(&in.Tags, value.dictionary),
		"Topics":                    in.foreign("Topics", value.hasElements),
		"Queues":                    in.foreign("Queues", value.hasElements),
		"SelfManagedEventSource":    in.foreign("SelfManagedEventSource", value.hasMembers),
	})
	return m
}

// members are the members of Update. It ignores a source and a position.
func (in *UpdateInput) members() members {
	m := in.Settings.members()
	m["FunctionName"] = optional(&in.FunctionName, value.text)
	return m
}

// members are the members of both.
func (s *Settings) members() members {
	return members{
		"Enabled":                             optional(&s.Enabled, value.boolean),
		"BatchSize":                           optional(&s.BatchSize, value.integer),
		"MaximumBatchingWindowInSeconds":      optional(&s.MaximumBatchingWindowInSeconds, value.integer),
		"ParallelizationFactor":               optional(&s.ParallelizationFactor, value.integer),
		"MaximumRecordAgeInSeconds":           optional(&s.MaximumRecordAgeInSeconds, value.integer),
		"MaximumRetryAttempts":                optional(&s.MaximumRetryAttempts, value.integer),
		"BisectBatchOnFunctionError":          optional(&s.BisectBatchOnFunctionError, value.boolean),
		"TumblingWindowInSeconds":             optional(&s.TumblingWindowInSeconds, value.integer),
		"FunctionResponseTypes":               plain(&s.FunctionResponseTypes, value.texts),
		"DestinationConfig":                   optional(&s.DestinationConfig, value.destinationConfig),
		"FilterCriteria":                      optional(&s.FilterCriteria, value.filterCriteria),
		"KMSKeyArn":                           optional(&s.KMSKeyARN, value.text),
		"MetricsConfig":                       optional(&s.MetricsConfig, value.metricsConfig),
		"LoggingConfig":                       s.foreign("LoggingConfig", value.hasMembers),
		"ScalingConfig":                       s.foreign("ScalingConfig", value.hasMembers),
		"ProvisionedPollerConfig":             s.foreign("ProvisionedPollerConfig", value.hasMembers),
		"SourceAccessConfigurations":          s.foreign("SourceAccessConfigurations", value.hasElements),
		"AmazonManagedKafkaEventSourceConfig": s.foreign("AmazonManagedKafkaEventSourceConfig", value.hasMembers),
		"SelfManagedKafkaEventSourceConfig":   s.foreign("SelfManagedKafkaEventSourceConfig", value.hasMembers),
		"DocumentDBEventSourceConfig":         s.foreign("DocumentDBEventSourceConfig", value.hasMembers),
	}
}

// foreign handles a member that a mapping of a stream cannot have. An empty one is ignored.
func (s *Settings) foreign(name string, isSet func(value) (bool, error)) func(value) error {
	return func(v value) error {
		if v.isNull() {
			return nil
		}
		set, err := isSet(v)
		if set && !slices.Contains(s.Unsupported, name) {
			s.Unsupported = append(s.Unsupported, name)
		}
		return err
	}
}

func (v value) hasElements() (has bool, err error) {
	err = v.each(func(value) error {
		has = true
		return nil
	})
	return has, err
}

func (v value) hasMembers() (has bool, err error) {
	if v[0] != '{' {
		return false, v.structure(nil)
	}
	err = v.entries(func(_ string, member value) error {
		has = has || !member.isNull()
		return nil
	})
	return has, err
}

// destinationConfig treats an OnSuccess without a destination as absent: old clients send one.
func (v value) destinationConfig() (c DestinationConfig, err error) {
	var success OnFailure // It has the same members.
	err = v.structure(members{
		"OnFailure": plain(&c.OnFailure, value.destination),
		"OnSuccess": plain(&success, value.destination),
	})
	c.OnSuccess = success.Destination != ""
	return c, err
}

func (v value) destination() (d OnFailure, err error) {
	err = v.structure(members{"Destination": plain(&d.Destination, value.text)})
	return d, err
}

func (v value) filterCriteria() (c FilterCriteria, err error) {
	err = v.structure(members{"Filters": plain(&c.Filters, value.filters)})
	return c, err
}

func (v value) filters() (list []Filter, err error) {
	err = v.each(func(element value) error {
		var f Filter
		err := element.structure(members{"Pattern": plain(&f.Pattern, value.text)})
		list = append(list, f)
		return err
	})
	return list, err
}

func (v value) metricsConfig() (c MetricsConfig, err error) {
	err = v.structure(members{"Metrics": plain(&c.Metrics, value.texts)})
	return c, err
}

// plain stores the result of read in to, and the zero value for null, which counts as absent.
func plain[T any](to *T, read func(value) (T, error)) func(value) error {
	return func(v value) (err error) {
		var x T
		if !v.isNull() {
			x, err = read(v)
		}
		*to = x
		return err
	}
}

// noting stores a text in to, and in empty whether it is present but has no characters.
func noting(empty *bool, to *string) func(value) error {
	return func(v value) error {
		err := plain(to, value.text)(v)
		*empty = !v.isNull() && *to == ""
		return err
	}
}

// optional is plain with nil for an absent value.
func optional[T any](to **T, read func(value) (T, error)) func(value) error {
	return plain(to, func(v value) (*T, error) {
		x, err := read(v)
		return &x, err
	})
}
