import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes records nobody else would write, keeps a ledger of the acknowledged ones, and reads them back.
 *
 *   java -cp ... Ledger.java write BROKERS TOPIC PARTITIONS CODEC ACKS BYTES LEDGER
 *   java -cp ... Ledger.java read  BROKERS TOPIC PARTITIONS LEDGER
 *
 * Record n has the key n and a value made from n alone, goes to partition n mod PARTITIONS, and so can be checked byte
 * for byte by whoever reads it. The ledger: acks, count, order-independent hash of all acknowledged, then the offset
 * of each record (-1 where none was given: acks=0). When a quarter of the bytes is on its way there is a file LEDGER.1, then
 * LEDGER.2 and LEDGER.3, for who wants to do something meanwhile. `read` asserts that every acknowledged record is there, at its
 * offset, once and in order, that nothing else is, and that the hash is the same. Prints one line; exit code 1 when a
 * promise is broken. With acks=all the producer is idempotent and outlives a broker that is killed and started again.
 */
public final class Ledger {
    private static final byte[] NOISE = new byte[1 << 20];
    static { new Random(42).nextBytes(NOISE); }

    public static void main(String[] args) throws Exception {
        boolean ok = args[0].equals("write")
            ? write(args[1], args[2], Integer.parseInt(args[3]), args[4], args[5], Long.parseLong(args[6]), Path.of(args[7]))
            : read(args[1], args[2], Integer.parseInt(args[3]), Path.of(args[4]));
        System.exit(ok ? 0 : 1);
    }

    private static boolean write(String brokers, String topic, int partitions, String codec, String acks, long bytes, Path ledger)
            throws Exception {
        Properties config = new Properties();
        config.putAll(Map.of("bootstrap.servers", brokers, "acks", acks, "compression.type", codec,
            "enable.idempotence", String.valueOf(acks.equals("all")), "linger.ms", "5", "batch.size", "65536",
            "delivery.timeout.ms", "120000", "request.timeout.ms", "20000"));
        long[] offsets = new long[(int) (bytes / 500) + 1000];
        AtomicLong hash = new AtomicLong();
        AtomicLong failed = new AtomicLong();
        AtomicReference<Exception> why = new AtomicReference<>();
        long count = 0;
        long sent = 0;
        long quarters = 0;
        long began = System.nanoTime();
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (; sent < bytes; count++) {
                int n = (int) count;
                byte[] key = key(n);
                byte[] value = value(n);
                offsets[n] = -2; // not acknowledged
                producer.send(new ProducerRecord<>(topic, n % partitions, key, value), (metadata, error) -> {
                    if (error == null) {
                        offsets[n] = metadata.hasOffset() ? metadata.offset() : -1;
                        hash.addAndGet(hash(key, value));
                    } else {
                        failed.incrementAndGet();
                        why.set(error);
                    }
                });
                sent += key.length + value.length;
                if (sent * 4 / bytes > quarters) Files.write(Path.of(ledger + "." + ++quarters), new byte[0]);
            }
        }
        double seconds = (System.nanoTime() - began) / 1e9;
        ByteBuffer out = ByteBuffer.allocate(24 + (int) count * 8);
        out.putLong(acks.equals("all") ? -1 : Long.parseLong(acks)).putLong(count).putLong(hash.get());
        for (int n = 0; n < count; n++) out.putLong(offsets[n]);
        Files.write(ledger, out.array());
        System.out.printf("wrote %d records, %d MB in %.1f s, %.1f MB/s, %d not acknowledged%s%n", count, sent / 1_000_000,
            seconds, sent / 1e6 / seconds, failed.get(), why.get() == null ? "" : ": " + why.get());
        return failed.get() == 0;
    }

    private static boolean read(String brokers, String topic, int partitions, Path ledger) throws Exception {
        ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(ledger));
        in.getLong();
        int count = (int) in.getLong();
        long wantHash = in.getLong();
        long[] offsets = new long[count];
        for (int n = 0; n < count; n++) offsets[n] = in.getLong();

        Properties config = new Properties();
        config.putAll(Map.of("bootstrap.servers", brokers, "auto.offset.reset", "none", "enable.auto.commit", "false",
            "isolation.level", "read_committed", "fetch.max.bytes", "16000000", "max.partition.fetch.bytes", "4000000",
            "max.poll.records", "5000"));
        List<String> broken = new ArrayList<>();
        BitSet seen = new BitSet(count);
        int[] last = new int[partitions];
        Arrays.fill(last, -1);
        long hash = 0;
        long began = System.nanoTime();
        try (var consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> all = IntStream.range(0, partitions).mapToObj(p -> new TopicPartition(topic, p)).toList();
            consumer.assign(all);
            consumer.seekToBeginning(all);
            Map<TopicPartition, Long> ends = consumer.endOffsets(all);
            long giveUp = System.nanoTime() + 120_000_000_000L;
            while (all.stream().anyMatch(p -> consumer.position(p) < ends.get(p)) && System.nanoTime() < giveUp) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                    int n = Integer.parseInt(new String(record.key(), StandardCharsets.US_ASCII));
                    int p = record.partition();
                    if (!Arrays.equals(record.value(), value(n))) broken.add("record " + n + " has another value than was sent");
                    if (p != n % partitions) broken.add("record " + n + " is in partition " + p);
                    if (n < last[p]) broken.add("record " + n + " comes after " + last[p]);
                    if (seen.get(n)) broken.add("record " + n + " is there twice, again at " + record.offset());
                    if (n >= count) broken.add("record " + n + " was never sent");
                    else if (offsets[n] >= 0 && offsets[n] != record.offset())
                        broken.add("record " + n + " was acknowledged at " + offsets[n] + " and is at " + record.offset());
                    last[p] = n;
                    seen.set(n);
                    hash += hash(record.key(), record.value());
                }
            }
        }
        for (int n = 0; n < count; n++) if (offsets[n] != -2 && !seen.get(n)) broken.add("record " + n + " was acknowledged at " + offsets[n] + " and is lost");
        if (broken.isEmpty() && hash != wantHash) broken.add("the hash of all keys and values differs");
        double seconds = (System.nanoTime() - began) / 1e9;
        System.out.printf("read %d of %d records in %.1f s, hash %016x, %d complaints%n", seen.cardinality(), count, seconds, hash, broken.size());
        broken.stream().limit(8).forEach(System.out::println);
        return broken.isEmpty();
    }

    private static byte[] key(int n) {
        return Integer.toString(n).getBytes(StandardCharsets.US_ASCII);
    }

    /** 500 to 1,500 bytes, half of them noise and half a repeated number, so that every codec has something to do. */
    private static byte[] value(int n) {
        int length = 500 + Math.floorMod(n * 7919, 1001);
        byte[] value = new byte[length];
        int from = Math.floorMod(n * 104_729, NOISE.length - length);
        System.arraycopy(NOISE, from, value, 0, length / 2);
        byte[] number = String.format("%010d|", n).getBytes(StandardCharsets.US_ASCII);
        for (int i = length / 2; i < length; i++) value[i] = number[(i - length / 2) % number.length];
        return value;
    }

    /** FNV-1a over key and value; summed over records, so their order does not matter. */
    private static long hash(byte[] key, byte[] value) {
        long hash = 0xcbf29ce484222325L;
        for (byte b : key) hash = (hash ^ (b & 255)) * 0x100000001b3L;
        for (byte b : value) hash = (hash ^ (b & 255)) * 0x100000001b3L;
        return hash;
    }
}
