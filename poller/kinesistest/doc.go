// Package kinesistest is Kinesis Data Streams in memory, for tests: a stream that throttles, expires iterators, splits
// and trims on demand, and otherwise obeys the service's rules.
//
// A Service holds streams. There are three ways to use it:
//
//	Service.Client()     in this process, with the methods of the SDK's client; fit for testing/synctest
//	NewServer(service)   over HTTP on the loopback interface, for the real SDK, the aws command line, other processes;
//	                     NewTLSServer the same over TLS, NewPipeServer for the real SDK in a synctest bubble
//	Service.Stream(name) directly, for the test itself: put records, split, merge, expire iterators, without any limit or fault
//
// A test that needs no network:
//
//	service := kinesistest.New(kinesistest.Config{})
//	orders, err := service.CreateStream("orders", 2)
//	...
//	orders.Put("customer-7", []byte("hello"))
//	service.Throttle(kinesistest.GetRecords, 3) // the next three reads
//	consumer := NewConsumer(service.Client())   // instead of kinesis.NewFromConfig(...)
//
// and one that does:
//
//	server := kinesistest.NewServer(service)
//	defer server.Close()
//	consumer := NewConsumer(server.Client())    // or AWS_ENDPOINT_URL_KINESIS=server.URL for another process
//
// # Rules
//
// Partition keys are mapped by MD5, explicit hash keys are honoured, sequence numbers have the service's form and grow.
// Iterators live 5 minutes, page tokens 300 seconds. A page has at most 10,000 records and 10 MiB. A shard grants 5
// GetRecords calls, 5 GetShardIterator calls and 2 MiB per second, and none for 5 s after a page of 10 MiB;
// Config.NoLimits switches these rates off. Records vanish at the end of the retention period, and closed shards with
// them. A closed shard ends with its ChildShards and no further iterator. UpdateShardCount splits and merges, and
// leaves the intermediate pieces in the lineage. Errors have the service's names and, where they are known, its words.
//
// A stream has at most 20 consumers with enhanced fan-out. SubscribeToShard, which a Server offers, sends records as
// they are put, an empty event after 5 s of silence, and at most 2 MiB per second. It ends after 5 minutes, after the
// event with the ChildShards, and with an exception when its consumer or stream is deleted, or when a later
// subscription of the same consumer and shard takes over, which is refused within 5 s.
//
// A Server speaks HTTP/1.1 and HTTP/2 on one port. It reads and writes AWS JSON 1.1 and, for requests in it, CBOR 1.1
// as Amazon's Java SDK uses it; the events of a subscription have the form of its request. Config.RefuseCBOR makes it
// an endpoint that supports JSON only.
//
// # Strictness
//
// A request that AWS refuses is refused, by the Client as by a Server: lengths, patterns, ranges and enumerations of
// AWS's service model (ValidationException, all violations in one), members that exclude each other or go together,
// such as NextToken and StreamARN (InvalidArgumentException), foreign and expired tokens and iterators, ARNs of another
// account, region or partition, and JSON values of a wrong type (SerializationException). The names of members are case
// sensitive, and unknown ones are ignored. A refused request uses up no fault.
//
// # Disturbances
//
//	Throttle, Fail, Delay, EmptyReads    the next n calls of an operation
//	Inject(Fault{...})                   the same for one stream or shard, also: hang, cap the records or shards of a page
//	HalfOpen                             the next n subscriptions; Fault also ends them early or with an error
//	ExpireIterators, Stream.Split, Merge, UpdateShardCount, Replace now
//	Config.OnCall                        a function that sees, delays or fails any call
//	Config.OnAnswer                      a function that sees the input and the output of every call
//	Config.Principal, Config.Authorize   who may do what; without them everybody may do everything
//	Calls                                what was called, when, and how it was answered
//
// # Mischief
//
// A Service obeys the service's rules, until a test makes it misbehave. A Kind names one way: listings that are empty,
// cut, or minutes old, answers that lack members, 200 with HTML, bodies that trickle or break off, repeated records,
// shards without an end, absurd lags and times, subscriptions that fall silent, a stream that is replaced. Kinds lists
// all, Kind.About describes one.
//
//	Inject(Fault{Kind: HTMLPage, Times: 3})     by name: the next 3 calls
//	Misbehave(Mischief{Seed: 7})                by a seed: one call in ten, until Stop
//	Misbehave(Mischief{Kinds: …, Rate: 1, For: time.Minute, Ops: …, Shard: …})
//
// A seed affects the same calls with the same kinds in every run of a test, so a failure can be reproduced.
// Misbehaviour.Pranks lists the effects, and its String summarizes them for a log. A Client shows mischief in its
// outputs and errors, as the SDK would decode the bytes of a Server. A correct consumer loses nothing by any kind
// except ReplacedStream, and makes progress once the mischief ends: put records, misbehave, stop, and check whether all
// arrived.
//
// # Limits
//
// Signatures are not verified. Write limits and the call limits of an account are not enforced, nor are its quotas of
// shards and streams: a stream has at most 10,000 open shards, and the number of streams has no limit. A reshard takes
// effect immediately. Tags are checked but not stored, and there is no encryption. The streams of New end with their
// process; those of Open are kept in a file, with their consumers: each change is synced before it can be read.
package kinesistest
