import com.google.common.util.concurrent.ListenableFuture;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * A producer with the Kinesis Producer Library, which aggregates. It reads user records from its input, a line each: key, hash
 * key or "-", and data, with single spaces between. For each it prints, once it is put and in the order of the input,
 *
 * <pre>
 * PUT shard sequence
 * </pre>
 *
 * and at last DOWN. Its settings are system properties: port (of an endpoint on 127.0.0.1 with TLS, whose certificate is not
 * looked at), stream, and count (the most user records in an aggregate).
 */
public final class Producer {
  private static final int MOST = 2_000; // that wait for their answer

  public static void main(String[] args) throws Exception {
    int port = Integer.getInteger("port");
    KinesisProducer producer = new KinesisProducer(new KinesisProducerConfiguration()
        .setRegion("us-east-1")
        .setCredentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDEXAMPLE", "secret")))
        .setKinesisEndpoint("127.0.0.1").setKinesisPort(port)
        .setCloudwatchEndpoint("127.0.0.1").setCloudwatchPort(port).setMetricsLevel("none")
        .setStsEndpoint("127.0.0.1").setStsPort(port)
        .setVerifyCertificate(false)
        .setAggregationEnabled(true).setAggregationMaxCount(Integer.getInteger("count", 50))
        .setRecordMaxBufferedTime(100).setRecordTtl(600_000).setRequestTimeout(60_000)
        .setLogLevel("error"));
    List<ListenableFuture<UserRecordResult>> waiting = new ArrayList<>();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] f = line.split(" ", 3);
      ByteBuffer data = ByteBuffer.wrap(f[2].getBytes(StandardCharsets.UTF_8));
      String hashKey = f[1].equals("-") ? null : new BigInteger(f[1]).toString();
      waiting.add(producer.addUserRecord(System.getProperty("stream"), f[0], hashKey, data));
      if (waiting.size() >= MOST || !in.ready()) answer(waiting);
    }
    producer.flushSync();
    answer(waiting);
    producer.destroy();
    System.out.println("DOWN");
    System.exit(0);
  }

  private static void answer(List<ListenableFuture<UserRecordResult>> waiting) throws Exception {
    StringBuilder lines = new StringBuilder();
    for (ListenableFuture<UserRecordResult> f : waiting) {
      UserRecordResult r = f.get();
      lines.append("PUT ").append(r.getShardId()).append(' ').append(r.getSequenceNumber()).append('\n');
    }
    waiting.clear();
    System.out.print(lines);
    System.out.flush();
  }
}
