package registry

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/registry/internal/lambdaapi"
)

// definition is a mapping in its stored form, in one row of a driver.DefinitionStore.
type definition struct {
	Format int // definitionFormat

	UUID                           string
	EventSourceARN                 string
	FunctionARN                    string
	StartingPosition               string
	StartingPositionTimestamp      int64 `json:",omitempty"` // seconds since 1970
	BatchSize                      int
	MaximumBatchingWindowInSeconds int
	ParallelizationFactor          int
	MaximumRecordAgeInSeconds      int
	MaximumRetryAttempts           int
	BisectBatchOnFunctionError     bool
	TumblingWindowInSeconds        int
	FunctionResponseTypes          []string `json:",omitempty"`
	Destination                    string   `json:",omitempty"`
	Filters                        []Filter `json:",omitempty"`
	Metrics                        []string `json:",omitempty"`

	Enabled      bool  // it runs once it is in a settled state
	State        State // the one that it is in
	LastModified int64 // milliseconds since 1970
	Tags         map[string]string

	// Left is the row of the name that the mapping had before an Update. The name is released when the state settles,
	// but only that version of the row, because the name may have been acquired again.
	Left *rowVersion `json:",omitempty"`
}

// rowVersion is a row in one version.
type rowVersion struct{ Key, Version string }

// definitionFormat is the version of the stored form.
const definitionFormat = 1

// The kinds of rows, each with its prefix of the key.
const (
	mappingKey = "mapping/" // and the UUID: a definition
	nameKey    = "name/"    // and a digest of source and function: the UUID of the mapping that has them
	resultKey  = "result/"  // and the UUID: its LastProcessingResult
	forgetKey  = "forget/"  // and the UUID: the mapping was deleted, its stored state must still be removed
)

// newDefinition returns a definition with AWS's defaults.
func newDefinition() definition {
	return definition{
		Format: definitionFormat, BatchSize: 100, ParallelizationFactor: 1, MaximumRecordAgeInSeconds: -1, MaximumRetryAttempts: -1,
		Enabled: true, State: Creating,
	}
}

// set applies s, which is valid.
func (d *definition) set(s *Settings) {
	replace(&d.Enabled, s.Enabled)
	replace(&d.BatchSize, s.BatchSize)
	replace(&d.MaximumBatchingWindowInSeconds, s.MaximumBatchingWindowInSeconds)
	replace(&d.ParallelizationFactor, s.ParallelizationFactor)
	replace(&d.MaximumRecordAgeInSeconds, s.MaximumRecordAgeInSeconds)
	replace(&d.MaximumRetryAttempts, s.MaximumRetryAttempts)
	replace(&d.BisectBatchOnFunctionError, s.BisectBatchOnFunctionError)
	replace(&d.TumblingWindowInSeconds, s.TumblingWindowInSeconds)
	if s.FunctionResponseTypes != nil {
		d.FunctionResponseTypes = slices.Clone(s.FunctionResponseTypes)
	}
	if s.DestinationConfig != nil {
		d.Destination = s.DestinationConfig.OnFailure.Destination
	}
	if s.FilterCriteria != nil {
		d.Filters = slices.Clone(s.FilterCriteria.Filters)
	}
	if s.MetricsConfig != nil {
		d.Metrics = slices.Clone(s.MetricsConfig.Metrics)
	}
}

func replace[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// runs reports whether the mapping must run. One that is being created must: no record that is put meanwhile is missed.
func (d *definition) runs() bool { return d.Enabled && d.State != Deleting }

// settles returns the settled state that follows the current one.
func (d *definition) settles() State {
	if d.Enabled {
		return Enabled
	}
	return Disabled
}

// fingerprint is equal for two definitions that run in the same way.
func (d *definition) fingerprint() string {
	same := *d
	same.State, same.LastModified, same.Tags, same.Left = "", 0, nil, nil
	return string(marshal(&same))
}

// name is the part that no two mappings may share.
func (d *definition) name() string {
	return d.EventSourceARN + " " + strings.TrimSuffix(d.FunctionARN, ":$LATEST")
}

// fits returns an error if a definition is too large to be stored, before its name is acquired. The text is ours:
// everything that AWS accepts fits, unless it is full of multi-byte characters.
func (d *definition) fits() error {
	const margin = 500 // for what is set later
	data := append(marshal(d), make([]byte, margin)...)
	if err := (driver.Definition{Key: mappingKey, Version: "1", Data: data}).Validate(); err != nil {
		e := invalid("The filters and the tags of the mapping are too large to be stored.")
		e.Err = err
		return e
	}
	return nil
}

// nameRow returns the key of the row that reserves a name for one mapping. ARNs may be longer than keys.
func nameRow(name string) string {
	sum := sha256.Sum256([]byte(name))
	return nameKey + hex.EncodeToString(sum[:])
}

// arn returns the mapping's own ARN, which has the account and the region of its source.
func (d *definition) arn() string {
	p := strings.SplitN(d.EventSourceARN, ":", 6)
	return fmt.Sprintf("arn:%s:lambda:%s:%s:event-source-mapping:%s", p[1], p[3], p[4], d.UUID)
}

// configuration returns the definition in the form of answers.
func (d *definition) configuration(result string) Configuration {
	c := Configuration{
		UUID: d.UUID, EventSourceMappingARN: d.arn(), EventSourceARN: d.EventSourceARN, FunctionARN: d.FunctionARN,
		StartingPosition: d.StartingPosition, BatchSize: d.BatchSize,
		MaximumBatchingWindowInSeconds: d.MaximumBatchingWindowInSeconds, ParallelizationFactor: d.ParallelizationFactor,
		MaximumRecordAgeInSeconds: d.MaximumRecordAgeInSeconds, MaximumRetryAttempts: d.MaximumRetryAttempts,
		BisectBatchOnFunctionError: d.BisectBatchOnFunctionError, TumblingWindowInSeconds: d.TumblingWindowInSeconds,
		FunctionResponseTypes: slices.Clone(d.FunctionResponseTypes),
		DestinationConfig:     DestinationConfig{OnFailure: OnFailure{Destination: d.Destination}},
		LastModified:          time.UnixMilli(d.LastModified).UTC(), LastProcessingResult: cmp.Or(result, resultNone),
		State: d.State, StateTransitionReason: userAction,
	}
	if d.StartingPosition == string(mapping.AtTimestamp) {
		c.StartingPositionTimestamp = time.Unix(d.StartingPositionTimestamp, 0).UTC()
	}
	if len(d.Filters) > 0 {
		c.FilterCriteria = &FilterCriteria{Filters: slices.Clone(d.Filters)}
	}
	if len(d.Metrics) > 0 {
		c.MetricsConfig = &MetricsConfig{Metrics: slices.Clone(d.Metrics)}
	}
	return c
}

// toMinute is a configuration outside the answer to a change: LastModified to the minute.
func toMinute(c Configuration) Configuration {
	c.LastModified = c.LastModified.Truncate(time.Minute)
	return c
}

// clone returns a copy that shares no memory with d.
func (d *definition) clone() definition {
	c := *d
	c.FunctionResponseTypes, c.Filters, c.Metrics = slices.Clone(d.FunctionResponseTypes), slices.Clone(d.Filters), slices.Clone(d.Metrics)
	c.Tags = maps.Clone(d.Tags)
	if d.Left != nil {
		c.Left = new(*d.Left)
	}
	return c
}

// row returns a row with a new version.
func row(key string, content any) driver.Definition {
	return driver.Definition{Key: key, Version: uuid.NewString(), Data: marshal(content)}
}

// marshal returns content, which is ours, as JSON.
func marshal(content any) []byte {
	b, err := lambdaapi.Encode(content) // patterns are full of characters that HTML escaping would change
	if err != nil {
		panic(err) // strings, numbers and maps of them cannot fail
	}
	return b
}

// decodeDefinition reads the row of a definition.
func decodeDefinition(row driver.Definition) (*definition, error) {
	d := &definition{}
	if err := json.Unmarshal(row.Data, d); err != nil {
		return nil, fmt.Errorf("registry: row %s: %w: %w", row.Key, driver.ErrUnreadable, err)
	}
	if d.Format != definitionFormat {
		return nil, fmt.Errorf("registry: row %s: %w: format %d, known is %d", row.Key, driver.ErrUnreadable, d.Format, definitionFormat)
	}
	if mappingKey+d.UUID != row.Key || strings.Count(d.EventSourceARN, ":") < 5 {
		return nil, fmt.Errorf("registry: row %s: %w: it is not this mapping's", row.Key, driver.ErrUnreadable)
	}
	return d, nil
}

// nameContent is the content of a name's row.
type nameContent struct {
	Name, UUID string
	Condemned  bool `json:",omitempty"` // it is unused, and is about to be removed
}

// resultContent is the content of a result's row.
type resultContent struct{ Result string }

// resultNone is the LastProcessingResult of a mapping without an attempt.
const resultNone = "No records processed"
