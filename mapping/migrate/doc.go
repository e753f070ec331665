// Package migrate moves the positions of a stream's shards between the DynamoDB tables of other consumers and any
// [driver.Store]: from the Kinesis Client Library (KCL 1, 2 and 3), vmware-go-kcl-v2, harlow/kinesis-consumer and
// Bento or Redpanda Connect, and back to KCL.
//
// [Import] and [Export] read both sides and return a [Plan], which changes nothing: it prints the difference shard by
// shard, and says why it must not be carried out, if so. [Plan.Apply] carries it out, shard by shard. If it was
// interrupted, make a new plan and apply that.
//
//	from := migrate.Table{Client: client, Name: "orders-app", Format: migrate.KCL}
//	plan, err := migrate.Import(ctx, from, migrate.Target{Store: store, Mapping: name, Shards: shards, StartingPosition: mapping.TrimHorizon})
//	...
//	plan.WriteTo(os.Stdout)
//	err = plan.Apply(ctx)
//
// The other program and the mapping must both be stopped. A plan is refused while there are signs that one is running:
// fresh rows of KCL 3's workers, leaseCounters of KCL that move while they are watched, leases whose time has not
// passed, and held leases of the mapping.
//
// No record is ever skipped; the notes of a plan say which records may be delivered again. Each position becomes:
//
//	checkpoint (n, s) of KCL            reading resumes after member s of record n; an aggregate that is read as one record is repeated
//	n of the others                     reading resumes after n, as those programs do
//	SHARD_END                           complete
//	a parent without a row, whose       complete with KCL and Bento, which delete such rows; not begun with
//	  children have progress            the others, which keep them and do not wait for all parents
//	TRIM_HORIZON, LATEST, AT_TIMESTAMP  nothing is stored: the mapping's StartingPosition decides, and must be compatible
package migrate
