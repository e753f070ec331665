package dynamostore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// Check implements driver.CheckedStore: it refuses a lease table with a live KCL 3 fleet. Its leader assigns leases by
// its workers' reports, and would assign ours. Only a table that Options.LeaseTable names can be an application's, so
// others are not checked. In addition to the lease table it scans the table with the same name and the suffix
// -WorkerMetricStats, if there is one.
func (s *Store) Check(ctx context.Context, name string) error {
	if !s.given {
		return nil
	}
	table := s.options.LeaseTable(name)
	x := newExpr()
	x.is(kcl.EntityType, text(kcl.TypeWorkerMetrics))
	err := s.checkReports(ctx, name, kcl.LeaseKey, &dynamodb.ScanInput{
		TableName: &table, ConsistentRead: aws.Bool(true),
		FilterExpression: x.condition(), ExpressionAttributeNames: x.names, ExpressionAttributeValues: x.values,
	})
	if err != nil {
		return err
	}
	metrics := table + kcl.MetricsTable
	return s.checkReports(ctx, name, kcl.MetricsKey, &dynamodb.ScanInput{TableName: &metrics, ConsistentRead: aws.Bool(true)})
}

// checkReports returns an error if one of the reports of KCL 3 workers in a table is fresh.
func (s *Store) checkReports(ctx context.Context, name, key string, in *dynamodb.ScanInput) error {
	pages := dynamodb.NewScanPaginator(s.options.Client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isMissing(err) {
			return nil
		}
		if err != nil {
			return wrap(err, "%s: look for a KCL 3 fleet in table %s", name, *in.TableName)
		}
		for _, item := range page.Items {
			if at, fresh := kcl.Reported(item, time.Now()); fresh {
				return fmt.Errorf("dynamostore: %s: a KCL 3 fleet is alive: worker %s reported to table %s at %s: %w",
					name, kcl.Text(item, key), *in.TableName, at.Format(time.RFC3339), driver.ErrForeignFleet)
			}
		}
	}
	return nil
}

// renewals bounds the concurrent writes of a Renew.
const renewals = 16

// sharedTable is a fleetTable whose lease table workers of KCL 1 or 2 use too.
type sharedTable struct{ *fleetTable }

// Renew implements driver.FleetRenewer: it raises each lease's leaseCounter, which KCL watches. It is one write for each.
func (t *sharedTable) Renew(ctx context.Context, leases []driver.FleetLease) (lost []driver.FleetLease, err error) {
	var g errgroup.Group
	g.SetLimit(renewals)
	var mu sync.Mutex
	for _, l := range leases {
		g.Go(func() error {
			refused, err := t.renew(ctx, l)
			if refused {
				mu.Lock()
				defer mu.Unlock()
				lost = append(lost, l)
			}
			return err
		})
	}
	err = g.Wait()
	return lost, err
}

// renew renews a lease, or reports that it is lost.
func (t *sharedTable) renew(ctx context.Context, l driver.FleetLease) (lost bool, err error) {
	lease := t.lease(l)
	x := newExpr()
	inForce(x, lease)
	x.add(kcl.LeaseCounter, 1)
	err = t.store.update(ctx, keyOf(lease), x)
	switch {
	case err == nil:
		return false, nil
	case isRefused(err) || isMissing(err) && !t.store.options.NoCreate:
		t.store.end(lease)
		return true, nil
	}
	return false, wrap(err, "renew %s in table %s", keyOf(lease), t.store.options.LeaseTable(t.mapping))
}
