// Package poller reads the shards of a Kinesis stream: it lists them, says which may be opened, and returns their
// records page by page, on time, in order, without a gap.
//
// A consumer uses only [Source] and [Reader], so that a test can implement its own in a few lines. [Poller] is the
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
//	returned records          | PollInterval (1 s) after it was due, however long either side took
//	was the first of a Reader | 200 ms to PollInterval + 200 ms after it, so that the shards' polls spread evenly
//	was empty, at the tip     | the same
//	was empty, behind the tip | 200 ms after it
//	caller comes later        | immediately, and the schedule starts again from there
//	was refused, as others    | 40 to 120 ms after it, until it is granted; then after an interval that has adapted
//	  read the shard too      |
//	exceeded another limit    | 200 ms, doubling up to 10 s, plus up to half; at least PollInterval
//	failed otherwise          | the same, without that minimum
//	iterator was refused      | immediately with a new one, at most twice
//
// If a Reader has a PollInterval of 400 ms or more and shares with no other, each fifth poll is 200 ms late, and the
// next one on schedule again. Without that gap the readers that fill a shard would never notice a waiting one.
//
// In any case, the Readers of a process make at most 5 successful GetRecords, and 5 GetShardIterator, per shard in 1.05
// s. All other state belongs to one shard, in its Reader: a throttled shard does not slow down others.
//
// # When others read the shard too
//
// A shard grants 5 reads and 2 MiB per second to all its consumers together, and refuses more
// (ProvisionedThroughputExceededException). Readers adapt to that, so that each gets about an equal part, or what it
// wants if that is less, and none waits for long. A [Sharer] reports the share. Consumers that do not yield get more
// than their part. If more than a few consumers share a stream, enhanced fan-out (Config.ConsumerARN) is better: it
// gives each its own 2 MiB per second.
//
// # Where a shard is read
//
// A Reader has its own read position, which moves with its pages, independently of what its user has resolved or
// stored. Iterators are requested for it: at the start, and when one expires, is refused, or is too old to be trusted.
// A record before the read position is never returned. If records of 24 hours or more, the shortest retention, may be
// unread, an iterator is requested AT the last record instead of after it, to see whether that still exists: see
// [GapFinder].
//
// # Aggregates
//
// With Config.Deaggregate an aggregate of the Kinesis Producer Library (KPL) is returned as its members: each with its
// own partition key and data, all with the sequence number and the arrival time of the record, numbered by SubSequence.
// A Reader can begin after any of them. A member whose hash key lies outside the shard is skipped: it is returned as a
// Filtered record without data, and counted ([Poller.PassedOver]). [Config.KeepMembersOutsideShard] keeps such members.
// A record that is not an aggregate to the last byte, including its MD5, is returned unchanged.
//
// # Enhanced fan-out
//
// With Config.ConsumerARN a Reader subscribes to its shard, and Next returns with each event; close such a Reader. It
// resumes from the last event's continuation. A subscription lives 5 minutes, and is renewed after 4m45s at the first
// moment without an event, or when it has ended, but never within 5 s of the shard's last one. 35 s of waiting without
// any event end it as well; the time between two calls of Next does not count. It has no goroutine of its own and no
// buffer: the SDK holds at most two decoded events, and net/http 4 MiB from the line, until Next requests more.
// Aggregates are split into their members.
//
// # Calls
//
// A call ends when no byte of its answer has arrived for a while, however long the answer as a whole takes. A read
// whose answer was slow, or stood still, is followed by smaller ones, which grow again when reads succeed. The SDK
// never retries reads. A request is sent from memory; otherwise a fast server costs connections and answers.
//
// # Decoding
//
// An answer that is not whole is an error, whatever its status: nothing of it is used.
//
// The answers of a *kinesis.Client's GetRecords are decoded here, in one pass, into records whose data and strings are
// in blocks that belong to the page. That is several times faster than the SDK, with the same result. Unusual answers,
// down to an escape in a key, are left to the SDK's decoder, and so are all answers with any other Client, with a
// custom protocol, and with [Config.SDKDecoding]. Middleware and interceptors see the SDK's records. With [Config.CBOR]
// reads are in CBOR, if the endpoint supports it.
package poller
