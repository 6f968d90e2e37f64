import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * One idempotent producer over the change from one broker to another.
 *
 *   java -cp ... Continue BROKERS TOPIC COUNT FOLDER
 *
 * Sends COUNT records to partition 0 of an empty topic and has them acknowledged; makes FOLDER/ready and waits for
 * FOLDER/go, while the broker is exchanged; then sends COUNT more with the sequence numbers that follow. Record n must be
 * given the offset n: so none was lost, doubled or reordered, and the second broker knew the producer.
 */
public final class Continue {
    public static void main(String[] args) throws Exception {
        String topic = args[1];
        int count = Integer.parseInt(args[2]);
        Path folder = Path.of(args[3]);
        Properties config = new Properties();
        config.putAll(Map.of("bootstrap.servers", args[0], "acks", "all", "enable.idempotence", "true", "linger.ms", "1",
            "batch.size", "2000", "reconnect.backoff.max.ms", "200"));
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            send(producer, topic, 0, count);
            Files.createFile(folder.resolve("ready"));
            while (!Files.exists(folder.resolve("go"))) Thread.sleep(50);
            send(producer, topic, count, 2 * count);
        }
        System.out.println(2 * count + " records, each at its offset");
    }

    private static void send(KafkaProducer<String, String> producer, String topic, int from, int to) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (int n = from; n < to; n++) sent.add(producer.send(new ProducerRecord<>(topic, 0, null, Integer.toString(n))));
        for (int n = from; n < to; n++) {
            long offset = sent.get(n - from).get().offset();
            if (offset != n) throw new AssertionError("record " + n + " is at " + offset);
        }
    }
}
