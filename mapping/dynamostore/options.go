package dynamostore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Client is what a Store needs of Amazon DynamoDB. The SDK's *dynamodb.Client is one.
type Client interface {
	GetItem(ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	Scan(ctx context.Context, in *dynamodb.ScanInput, opts ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
	CreateTable(ctx context.Context, in *dynamodb.CreateTableInput, opts ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error)
	DescribeTable(ctx context.Context, in *dynamodb.DescribeTableInput, opts ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
}

// DefaultTable is the Table of Options.
const DefaultTable = "shardmill"

// DefaultForeignTimeout is the ForeignTimeout of Options.
const DefaultForeignTimeout = time.Minute

// Options say where a Store keeps what.
type Options struct {
	// Client is the way to DynamoDB. Required. Its retries are welcome: a write that was done, but whose answer was lost,
	// is recognised. If it has DeleteTable too, as the SDK's has, Forget deletes lease tables in which nothing is left.
	Client Client

	// Worker names this process, over restarts: a process takes over what one of the same name, started earlier, still
	// has. Default: the name of the host. Set it where that changes with a restart, as in most containers, or leases of a
	// process that was killed are held for ever. Two processes of one name never mix their progress, but the one that
	// started later takes away from the other whatever it wants.
	//
	// With NewFleet it is a name for people: leaseOwner begins with it, and it is in Status.Worker and in each log line. There it
	// has 1 to 255 bytes of UTF-8 without spaces and control characters, need not be unique, and its default is the name of the
	// host and the ID of the process: "host-1234".
	Worker string

	// Table has everything but leases, of all mappings. Default: DefaultTable.
	Table string

	// LeaseTable names the lease table of a mapping, as KCL has it. Each mapping needs one of its own. That of
	// a KCL application can be given while the application is stopped, or runs with ShareWithKCL. Default: LeaseTableName. It may be called at any
	// time, by several goroutines.
	LeaseTable func(mapping string) string

	// NoCreate means that all tables exist and are never deleted. Otherwise a missing table is created, with on-demand
	// billing.
	NoCreate bool

	// ForeignTimeout is how long the leaseCounter of a lease that KCL has must stand still, by this process's clock, before
	// it is taken. Give it at least the failover time that the KCL application has. Default: DefaultForeignTimeout.
	ForeignTimeout time.Duration

	// ShareWithKCL means that workers of a KCL 1 or 2 application use the lease table at the same time. Each lease of a
	// worker of the fleet is then renewed in its row three times in a failover time, as KCL does, so that KCL's workers
	// do not take it. That costs a write each time, for idle shards too. A worker that has two shards less than a KCL
	// worker takes leases from that one, as KCL's workers do. Config.FailoverTime of the mapping must not be above the
	// failover time of the application. See docs/leases.md for the effects of each on the other. For NewFleet, with a
	// LeaseTable.
	ShareWithKCL bool
}

// Store is a driver.Store in DynamoDB. It has no goroutine and needs no closing.
type Store struct {
	options Options
	tables  tables
	grants  grants
	watch   watch
	noted   noted
	given   bool // Options.LeaseTable is set
}

// New returns a Store. It calls nothing.
func New(o Options) (*Store, error) {
	if o.ShareWithKCL {
		return nil, errors.New("dynamostore: ShareWithKCL is set, which only NewFleet has")
	}
	return newStore(o)
}

func newStore(o Options) (*Store, error) {
	given := o.LeaseTable != nil
	if o.Worker == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("dynamostore: Worker is not set, and the host has no name: %w", err)
		}
		o.Worker = host
	}
	o.Table = cmp.Or(o.Table, DefaultTable)
	o.ForeignTimeout = cmp.Or(o.ForeignTimeout, DefaultForeignTimeout)
	if o.LeaseTable == nil {
		o.LeaseTable = LeaseTableName
	}
	var errs []error
	if o.Client == nil {
		errs = append(errs, errors.New("dynamostore: Client is required"))
	}
	if !tableName.MatchString(o.Table) {
		errs = append(errs, fmt.Errorf("dynamostore: Table is %q, must be 3 to 255 of the characters a-z, A-Z, 0-9, '_', '-' and '.'", o.Table))
	}
	if len(o.Worker) > maxWorker {
		errs = append(errs, fmt.Errorf("dynamostore: Worker has %d bytes, must have at most %d, which a key of DynamoDB has room for", len(o.Worker), maxWorker))
	}
	if o.ShareWithKCL && !given {
		errs = append(errs, errors.New("dynamostore: ShareWithKCL is set, but LeaseTable, the table to share, is not"))
	}
	if o.ForeignTimeout < 0 {
		errs = append(errs, fmt.Errorf("dynamostore: ForeignTimeout is %s, must be at least 0", o.ForeignTimeout))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Store{
		options: o,
		tables:  tables{client: o.Client, noCreate: o.NoCreate, making: map[string]chan struct{}{}},
		grants:  grants{held: map[key]*grant{}},
		watch:   watch{seen: map[key]sighting{}},
		given:   given,
	}, nil
}

// maxWorker is the longest Options.Worker. A partition key has 2,048 bytes at most, and "worker/" goes before the name.
const maxWorker = 2000

// tableName is what DynamoDB takes for a table's name.
var tableName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)

// notInNames is what a table's name may not have.
var notInNames = regexp.MustCompile(`[^a-zA-Z0-9_.-]+`)

// maxReadable bounds the part of a lease table's name that is for people.
const maxReadable = 120

// LeaseTableName returns the default name of a mapping's lease table: "shardmill-", the last parts of the two ARNs in the
// mapping's name, and a hash of all of it.
func LeaseTableName(mapping string) string {
	var parts []string
	for word := range strings.FieldsSeq(mapping) {
		if i := strings.LastIndexAny(word, ":/"); i >= 0 && i < len(word)-1 {
			word = word[i+1:]
		}
		parts = append(parts, strings.Trim(notInNames.ReplaceAllString(word, "-"), "-"))
	}
	readable := strings.Join(parts, "-")
	if len(readable) > maxReadable {
		readable = readable[:maxReadable]
	}
	sum := sha256.Sum256([]byte(mapping))
	return "shardmill-" + readable + "-" + hex.EncodeToString(sum[:8])
}
