package bench.restart;

import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.StateRestoreListener;

/** Keeps the last value of each key and passes it on, exactly-once, until it is killed. */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    var env = System.getenv();
    var streams = new KafkaStreams(topology(env).build(), config(env));
    streams.setStateListener((now, before) -> mark(now.toString().toLowerCase()));
    streams.setGlobalStateRestoreListener(new Restored());
    mark("started");
    streams.start();
  }

  private static StreamsBuilder topology(Map<String, String> env) {
    var strings = Serdes.String();
    var builder = new StreamsBuilder();
    builder.stream(env.get("INPUT_TOPIC"), Consumed.with(strings, strings))
        .groupByKey(Grouped.with(strings, strings))
        .reduce((last, value) -> value, Materialized.as("last-values"))
        .toStream()
        .to(env.get("OUTPUT_TOPIC"), Produced.with(strings, strings));
    return builder;
  }

  private static Properties config(Map<String, String> env) {
    var config = new Properties();
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, env.get("BOOTSTRAP"));
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, env.get("GROUP_ID"));
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    config.put(StreamsConfig.STATE_DIR_CONFIG, env.get("STATE_DIR"));
    config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "2");
    config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    config.put(
        StreamsConfig.mainConsumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG),
        env.get("SESSION_TIMEOUT_MS"));
    if (!env.get("INSTANCE_ID").isEmpty()) {
      // A static member: what Kafka Streams offers so that a restart costs no rebalance.
      config.put(
          StreamsConfig.mainConsumerPrefix(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG),
          env.get("INSTANCE_ID"));
    }
    return config;
  }

  /** Tells how many records were read back from the changelogs. */
  private static final class Restored implements StateRestoreListener {
    private final AtomicLong records = new AtomicLong();

    @Override
    public void onRestoreStart(TopicPartition partition, String store, long start, long end) {}

    @Override
    public void onBatchRestored(TopicPartition partition, String store, long end, long count) {}

    @Override
    public void onRestoreEnd(TopicPartition partition, String store, long total) {
      mark(records.addAndGet(total) + "-records-restored");
    }
  }

  /** How long the process has run when it comes to something. */
  private static void mark(String what) {
    var start = ProcessHandle.current().info().startInstant().orElseThrow().toEpochMilli();
    System.out.println("mark " + what + " " + (System.currentTimeMillis() - start));
  }
}
