import com.google.common.hash.Hashing;
import java.io.*;
import java.net.URI;
import java.util.*;
import java.util.concurrent.*;
import software.amazon.awssdk.auth.credentials.*;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.utils.http.SdkHttpUtils;
import software.amazon.kinesis.common.*;
import software.amazon.kinesis.coordinator.*;
import software.amazon.kinesis.lifecycle.events.*;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.*;
import software.amazon.kinesis.retrieval.*;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * A worker of the Kinesis Client Library that prints what happens to it, a line each:
 * <pre>
 * UP                                               it is initialized
 * INIT shard seq subseq                            a shard begins, after a position
 * REC shard seq subseq aggregated ehk key hash     a record: its own hash key or "-", its key as in a URL, its data's SHA-256
 * CKPT shard seq subseq                            a checkpoint is stored
 * LOST shard, END shard, STOP shard                what the library says of a shard
 * DOWN                                             it has stopped, after its input was closed
 * ERR shard what                                   a checkpoint was refused
 * </pre>
 * Its settings are system properties: kinesis and dynamodb (endpoints), stream (or several "account:name:epoch" with commas
 * between), application, worker, mode (polling, fanout), failover (ms), every (records between two checkpoints of a shard).
 */
public final class Worker implements ShardRecordProcessor {
  private static final PrintStream OUT = new PrintStream(new BufferedOutputStream(System.out, 1 << 16));
  private static final int EVERY = Integer.getInteger("every", 100);
  private static final FormerStreamsLeasesDeletionStrategy KEEP = new FormerStreamsLeasesDeletionStrategy.NoLeaseDeletionStrategy();
  private String shard;
  private String last; // position
  private int since; // records that the last checkpoint is behind

  public static void main(String[] args) throws Exception {
    KinesisAsyncClient kinesis = KinesisClientUtil.createKinesisAsyncClient(client(KinesisAsyncClient.builder(), "kinesis"));
    DynamoDbAsyncClient dynamodb = client(DynamoDbAsyncClient.builder(), "dynamodb").build();
    CloudWatchAsyncClient unused = client(CloudWatchAsyncClient.builder(), "dynamodb").build();
    StreamTracker tracker = tracker(System.getProperty("stream").split(","));
    String application = System.getProperty("application");
    String worker = System.getProperty("worker");
    ConfigsBuilder all = new ConfigsBuilder(tracker, application, kinesis, dynamodb, unused, worker, Worker::new);
    Scheduler scheduler = new Scheduler(
        all.checkpointConfig(),
        all.coordinatorConfig().parentShardPollIntervalMillis(500).shardConsumerDispatchPollIntervalMillis(200)
            .workerStateChangeListener(state -> { if (state == WorkerStateChangeListener.WorkerState.STARTED) say("UP"); }),
        all.leaseManagementConfig().failoverTimeMillis(Long.getLong("failover", 3000)).shardSyncIntervalMillis(1000),
        all.lifecycleConfig(),
        all.metricsConfig().metricsFactory(new NullMetricsFactory()),
        all.processorConfig(),
        retrieval(all.retrievalConfig(), tracker, kinesis, application));
    Thread running = new Thread(scheduler);
    running.start();
    while (System.in.read() >= 0) { } // until it is closed
    scheduler.startGracefulShutdown(); // it waits for leases of ended shards, too, which are cleaned up once a minute
    running.join(10_000);
    scheduler.shutdown();
    running.join();
    say("DOWN");
    System.exit(0);
  }

  private static <B extends AwsClientBuilder<B, ?>> B client(B builder, String endpoint) {
    return builder.region(Region.US_EAST_1).endpointOverride(URI.create(System.getProperty(endpoint)))
        .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDEXAMPLE", "secret")));
  }

  private static StreamTracker tracker(String[] streams) {
    InitialPositionInStreamExtended horizon = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
    if (!streams[0].contains(":")) return new SingleStreamTracker(StreamIdentifier.singleStreamInstance(streams[0]), horizon);
    List<StreamConfig> configs = new ArrayList<>();
    for (String s : streams) configs.add(new StreamConfig(StreamIdentifier.multiStreamInstance(s), horizon));
    return new MultiStreamTracker() {
      @Override public List<StreamConfig> streamConfigList() { return configs; }
      @Override public FormerStreamsLeasesDeletionStrategy formerStreamsLeasesDeletionStrategy() { return KEEP; }
    };
  }

  private static RetrievalConfig retrieval(RetrievalConfig c, StreamTracker tracker, KinesisAsyncClient kinesis, String application) {
    String single = tracker.isMultiStream() ? null : System.getProperty("stream");
    if ("fanout".equals(System.getProperty("mode"))) {
      return c.retrievalSpecificConfig(new FanOutConfig(kinesis).streamName(single).applicationName(application));
    }
    return c.retrievalSpecificConfig(new PollingConfig(kinesis).streamName(single).idleTimeBetweenReadsInMillis(250));
  }

  /** Prints lines. What is delivered must be out before it is checkpointed, since the process may be killed. */
  private static synchronized void say(List<String> lines) {
    for (String line : lines) OUT.println(line);
    OUT.flush();
    lines.clear();
  }

  private static void say(String line) { say(new ArrayList<>(Collections.singleton(line))); }

  @Override public void initialize(InitializationInput in) {
    shard = in.shardId();
    last = in.extendedSequenceNumber().sequenceNumber() + " " + in.extendedSequenceNumber().subSequenceNumber();
    say("INIT " + shard + " " + last);
  }

  @Override public void processRecords(ProcessRecordsInput in) {
    List<String> lines = new ArrayList<>();
    for (KinesisClientRecord r : in.records()) {
      lines.add(line(r));
      last = r.sequenceNumber() + " " + r.subSequenceNumber();
      if (++since < EVERY) continue;
      say(lines);
      since = 0;
      checkpoint(() -> in.checkpointer().checkpoint(r.sequenceNumber(), r.subSequenceNumber()), last);
    }
    say(lines);
  }

  private String line(KinesisClientRecord r) {
    String own = r.explicitHashKey() == null || r.explicitHashKey().isEmpty() ? "-" : r.explicitHashKey();
    return String.join(" ", "REC", shard, r.sequenceNumber(), "" + r.subSequenceNumber(), "" + r.aggregated(), own,
        SdkHttpUtils.urlEncode(r.partitionKey()), Hashing.sha256().newHasher().putBytes(r.data().duplicate()).hash().toString());
  }

  private interface Write { void run() throws Exception; }
  private void checkpoint(Write write, String position) {
    try {
      write.run();
      say("CKPT " + shard + " " + position);
    } catch (Exception e) {
      say("ERR " + shard + " " + e);
    }
  }

  @Override public void leaseLost(LeaseLostInput in) { say("LOST " + shard); }
  @Override public void shardEnded(ShardEndedInput in) {
    say("END " + shard);
    checkpoint(() -> in.checkpointer().checkpoint(), "SHARD_END 0");
  }

  @Override public void shutdownRequested(ShutdownRequestedInput in) {
    say("STOP " + shard);
    checkpoint(() -> in.checkpointer().checkpoint(), last);
  }
}
