import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

import java.util.Arrays;
import java.util.Base64;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.utils.ByteBufferOutputStream;

/**
 * Record batches by Kafka's own classes, and Kafka's reading of others.
 *
 *   javac -cp "LIBS/*" -d OUT GoldenRecords.java
 *   java -cp "OUT:LIBS/*" GoldenRecords write > kafka.txt            lines: name, batch in base64
 *   java -cp "OUT:LIBS/*" GoldenRecords read < runnel.txt            lines: name, what Kafka's classes read
 */
public class GoldenRecords {
    public static void main(String[] args) throws Exception {
        if (args[0].equals("write")) write();
        else read();
    }

    static final long T = 1700000000000L;
    static final Header[] NONE = new Header[0];

    static void write() {
        for (CompressionType type : CompressionType.values()) {
            print(type.name, builder(Compression.of(type).build(), TimestampType.CREATE_TIME, 5, -1L, (short) -1, -1, false, false), GoldenRecords::fill);
        }
        Compression none = Compression.NONE;
        print("transactional", builder(none, TimestampType.CREATE_TIME, 100, 4611686018L, (short) 7, 2147483646, true, false), GoldenRecords::fill);
        print("idempotent", builder(Compression.lz4().build(), TimestampType.CREATE_TIME, 0, 12L, (short) 0, 3, false, false), GoldenRecords::fill);
        print("logAppendTime", builder(none, TimestampType.LOG_APPEND_TIME, 1, -1L, (short) -1, -1, false, false), GoldenRecords::fill);
        for (ControlRecordType type : new ControlRecordType[] { ControlRecordType.COMMIT, ControlRecordType.ABORT }) {
            MemoryRecords m = MemoryRecords.withEndTransactionMarker(9L, T, 3, 77L, (short) 4, new EndTransactionMarker(type, 21));
            line(type.name().toLowerCase(), m.buffer());
        }
        MemoryRecordsBuilder horizon = new MemoryRecordsBuilder(new ByteBufferOutputStream(1 << 16), RecordBatch.MAGIC_VALUE_V2, none,
            TimestampType.CREATE_TIME, 5, -1L, -1L, (short) -1, -1, false, false, 2, 1 << 16, T + 99);
        print("deleteHorizon", horizon, GoldenRecords::fill);
    }

    static MemoryRecordsBuilder builder(Compression c, TimestampType t, long base, long pid, short epoch, int seq, boolean tx, boolean control) {
        return new MemoryRecordsBuilder(ByteBuffer.allocate(1 << 18), RecordBatch.MAGIC_VALUE_V2, c, t, base, T + 5, pid, epoch, seq, tx, control, 2, 1 << 18);
    }

    static void fill(MemoryRecordsBuilder b) {
        b.append(T, "k".getBytes(StandardCharsets.UTF_8), "v".getBytes(StandardCharsets.UTF_8), NONE);
        b.append(T - 7, (byte[]) null, null, new Header[] { new RecordHeader("ä", null), new RecordHeader("", new byte[] { 1, 2 }) });
        byte[] large = new byte[70000];
        for (int i = 0; i < large.length; i++) large[i] = (byte) (i / 300 * (i % 7));
        b.append(T + 100000, new byte[0], b.compression().type() == CompressionType.NONE ? new byte[200] : large, NONE);
    }

    interface Fill { void into(MemoryRecordsBuilder b); }

    static void print(String name, MemoryRecordsBuilder b, Fill fill) {
        fill.into(b);
        line(name, b.build().buffer());
    }

    static void line(String name, ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        System.out.println(name + " " + Base64.getEncoder().encodeToString(bytes));
    }

    static void read() throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null;) {
            String[] parts = line.split(" ");
            MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(Base64.getDecoder().decode(parts[1])));
            for (RecordBatch batch : records.batches()) {
                batch.ensureValid();
                System.out.print(parts[0] + " " + batch.compressionType().name + " " + batch.timestampType().id + " " + batch.baseOffset() + "-" + batch.lastOffset()
                    + " pid " + batch.producerId() + "/" + batch.producerEpoch() + "/" + batch.baseSequence() + " tx " + batch.isTransactional()
                    + " control " + batch.isControlBatch() + " horizon " + batch.deleteHorizonMs().orElse(-1L) + " leader " + batch.partitionLeaderEpoch() + " max " + batch.maxTimestamp());
                for (Record r : batch) {
                    System.out.print(" | " + r.offset() + " " + r.timestamp() + " " + text(r.key()) + " " + text(r.value()));
                    for (Header h : r.headers()) System.out.print(" " + h.key() + "=" + (h.value() == null ? "null" : Arrays.hashCode(h.value())));
                }
                System.out.println();
            }
        }
    }

    static String text(ByteBuffer b) {
        return b == null ? "null" : b.remaining() + ":" + b.hashCode();
    }
}
