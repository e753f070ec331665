// Package poller reads the shards of a Kinesis stream: which there are, which may be opened, and their records page
// by page, on time, in order, without a gap.
//
// [Source] and [Reader] are all that a consumer sees, so that a test can bring its own in a few lines. [Poller] is the
// Source for Kinesis, through a [Client] such as the AWS SDK's. It polls with GetRecords, or subscribes:
//
//	p, err := poller.New(poller.Config{
//		Client:    kinesis.NewFromConfig(awsConfig),
//		StreamARN: "arn:aws:kinesis:us-east-1:123456789012:stream/orders",
//	})
//	...
//	shards, err := p.Shards(ctx)
//	...
//	for _, shard := range poller.Openable(shards, finished) {
//		reader, err := p.Open(shard, poller.Start{Type: poller.TrimHorizon})
//		...
//		for {
//			page, err := reader.Next(ctx) // waits until the shard may be read again
//			if ctx.Err() != nil {
//				return
//			}
//			if err != nil {
//				log.Print(poller.Classify(err), ": ", err) // nothing is lost: call Next again
//				continue
//			}
//			handle(page.Records)
//			if page.End { // closed, and this was its last page; its children may be opened once it is handled
//				break
//			}
//		}
//	}
//
// # When a shard is read
//
//	the poll before           | the next one
//	--------------------------+--------------------------------------------------------------------
//	brought records           | PollInterval (1 s) after it was due, however long either side took
//	was the first of a Reader | 200 ms to PollInterval + 200 ms after it, so that the shards' polls spread evenly
//	was empty, at the tip     | the same
//	was empty, behind the tip | 200 ms after it
//	caller comes later        | at once, and the schedule begins anew
//	was refused, as others    | 40 to 120 ms after it, until it is granted; then after an interval that has adapted
//	  read the shard too      |
//	exceeded another limit    | 200 ms, doubling up to 10 s, plus up to half; at least PollInterval
//	failed otherwise          | the same, without that least
//	iterator was refused      | at once with a new one, at most twice
//
// Of a Reader with a PollInterval of 400 ms or more that shares with no other, each fifth poll comes 200 ms late, and the one after
// on schedule again. Without that gap the readers that fill up a shard would never notice one that waits.
//
// Whatever comes of that, the Readers of a process have GetRecords and GetShardIterator of a shard each granted at most 5
// times in 1.05 s. All else is kept for each shard apart, in its Reader: a shard that is throttled slows no other one down.
//
// # When others read the shard too
//
// A shard grants 5 reads and 2 MiB a second to all its consumers together, and refuses more
// (ProvisionedThroughputExceededException). Readers adapt to that, so that each gets about an equal part, or what it wants if that is
// less, and none waits for long: a [Sharer] says what is had. Consumers that do not yield get more than their part of it. A
// consumer of more than a few that share a stream is better served by enhanced fan-out (Config.ConsumerARN), which gives
// each its own 2 MiB a second.
//
// # Where a shard is read
//
// A Reader has a read position of its own, which moves with its pages and has nothing to do with what its user has
// done, or stored. Iterators are made from it: at the start, when one expires, is refused, or is too old to be trusted.
// A record that does not lie behind the read position is never returned.
// Where all that is 24 hours old or more, the shortest retention, may not have been read, an iterator is made AT the last
// record instead of behind it, to see whether that is still there: [GapFinder].
//
// # Aggregates
//
// With Config.Deaggregate a record that the Kinesis Producer Library (KPL) has packed comes as its members: each with
// its own partition key and data, all with the sequence number and the arrival time of the record, numbered by
// SubSequence. A Reader can begin behind any of them. A member whose hash key lies outside the shard is passed over:
// it comes as a Filtered record without data, and is counted ([Poller.PassedOver]). [Config.KeepMembersOutsideShard] keeps
// such members. Whatever is not an aggregate to the last byte, its MD5 included, comes as the one record that it is.
//
// # Enhanced fan-out
//
// With Config.ConsumerARN a Reader subscribes to its shard, and Next returns with each event; close such a Reader.
// It goes on from the last event's continuation. A subscription lives 5 minutes, and is renewed after 4m45s at the first
// moment without an event, or when it has ended: never within 5 s of the shard's last. 35 s of waiting without any event
// end it as well; the time between two calls of Next does not count. It has no goroutine of its own and no buffer:
// the SDK holds at most two decoded events, and what net/http takes off the line, 4 MiB, until Next asks for more.
// Aggregates are taken apart.
//
// # Calls
//
// A call ends when no byte of its answer has come for a while, however long the answer as a whole takes. A read whose
// answer came slowly, or stood still, is followed by smaller ones, which grow again when reads go well. Reads are never retried by the SDK, and a request is
// sent from memory, without which a fast server costs connections and answers.
//
// # Decoding
//
// An answer that is not whole is an error, whatever its status: nothing of it is used.
//
// The answers of a *kinesis.Client's GetRecords are decoded here, in one pass, into records whose data and strings lie in
// blocks that belong to the page: several times faster than by the SDK, with the same result. Whatever is unusual in an
// answer, down to an escape in a key, is left to the SDK's decoder, and so is everything with any other Client,
// with a protocol of the user's own, and with [Config.SDKDecoding]. Middleware and interceptors see their records as
// ever. With [Config.CBOR] reads are in CBOR, as long as the endpoint plays along.
package poller
