package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// Client is the part of the Amazon DynamoDB API that is needed: Scan to import, UpdateItem to export. The SDK's
// *dynamodb.Client is one.
type Client interface {
	Scan(ctx context.Context, in *dynamodb.ScanInput, opts ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
	UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// Format is the program that a table belongs to.
type Format string

// The formats.
const (
	KCL    Format = "kcl"              // the Kinesis Client Library, versions 1 to 3, in Java or any other language
	VMware Format = "vmware-go-kcl"    // vmware/vmware-go-kcl and -v2
	Harlow Format = "kinesis-consumer" // harlow/kinesis-consumer, its store/ddb
	Bento  Format = "bento"            // the aws_kinesis input of Benthos, Bento and Redpanda Connect
)

// Table is a table of another program.
type Table struct {
	Client Client
	Name   string
	Format Format

	// Stream selects the rows if a table has rows of several streams, in the program's form: the name, or with Bento
	// the ARN if that is configured. With KCL it is the result of KCLStream, the name alone if the table has one stream
	// of that name, or SingleStream. If it is empty, the table must have one stream. Required with Harlow.
	Stream string

	// App is the name of the Harlow application. Required with that, else unused.
	App string

	// Patience is how long KCL's leases with an owner are watched for activity, best twice the failover time of the
	// application. 0: they are not watched.
	Patience time.Duration
}

// deletes reports whether a shard without a row, but with a child that has progress, is complete for the program: KCL
// and Bento delete the rows of such shards. The others keep them, and VMware begins a child after one parent of two,
// Harlow after none.
func (t *Table) deletes() bool { return t.Format == KCL || t.Format == Bento }

// Shard is a table's state of a shard.
type Shard struct {
	ID string

	// Position is where reading resumes; it is zero if End or Begin is set.
	Position batch.Position
	End      bool

	// Begin is where the program would begin a shard without progress: TRIM_HORIZON, LATEST, AT_TIMESTAMP, or "initial
	// position" if its table does not say.
	Begin string

	// Owner is the worker that the shard is assigned to, alive or not; empty when there is none.
	Owner string

	until   time.Time // when the owner's claim ends, if the table says
	counter string    // KCL's leaseCounter
	stream  string    // account:name:epoch, where KCL's table has it
}

// initially is the Begin of a shard that the table merely lists.
const initially = "initial position"

// check returns the violations of the settings.
func (t *Table) check() error {
	var errs []error
	if t.Client == nil {
		errs = append(errs, errors.New("migrate: Client is required"))
	}
	if t.Name == "" {
		errs = append(errs, errors.New("migrate: Name, of the table, is required"))
	}
	if _, ok := readers[t.Format]; !ok {
		errs = append(errs, fmt.Errorf("migrate: Format is %q, must be %s, %s, %s or %s", t.Format, KCL, VMware, Harlow, Bento))
	}
	if t.Format == Harlow && (t.App == "" || t.Stream == "") {
		errs = append(errs, fmt.Errorf("migrate: App and Stream are required with the format %s", Harlow))
	}
	return errors.Join(errs...)
}

// Read returns the table's state of each shard, by ID. The error names all malformed rows.
func (t *Table) Read(ctx context.Context) ([]Shard, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	items, err := t.scan(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	shards, _, err := t.shards(items)
	return shards, err
}

// shards reads the rows of the stream. streams lists the streams of all rows, for an error that there are none.
func (t *Table) shards(items []kcl.Item) (shards []Shard, streams string, err error) {
	var rows []row
	var errs []error
	for _, item := range items {
		r, ok, err := readers[t.Format](item)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("migrate: table %s: %w", t.Name, err))
		case ok:
			rows = append(rows, r)
		}
	}
	picked, err := t.pick(rows)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, "", err
	}
	for _, r := range picked {
		if t.Format == KCL {
			r.shard.stream = r.stream
		}
		shards = append(shards, r.shard)
	}
	slices.SortFunc(shards, func(a, b Shard) int { return cmp.Compare(a.ID, b.ID) })
	return shards, others(rows), nil
}

func names(set map[string]bool) string {
	var all []string
	for name := range set {
		all = append(all, fmt.Sprintf("%q", name))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// scan reads all of a table.
func (t *Table) scan(ctx context.Context, name string) ([]kcl.Item, error) {
	var all []kcl.Item
	pages := dynamodb.NewScanPaginator(t.Client, &dynamodb.ScanInput{TableName: &name, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("migrate: read table %s: %w", name, err)
		}
		all = append(all, page.Items...)
	}
	return all, nil
}

// isMissing reports whether a call found no table.
func isMissing(err error) bool {
	_, missing := errors.AsType[*types.ResourceNotFoundException](err)
	return missing
}
