import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.lang.reflect.Field;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.zip.GZIPOutputStream;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.utils.internals.ImplicitLinkedHashCollection;

/**
 * Golden bytes: fills Kafka's own message classes by reflection and writes what they serialise to.
 *
 * Each line of messages.ndjson.gz is one message in one version: n its name, v the version, b its bytes in base64,
 * j its values as Kafka's JSON converters tell them. Three fillings: every field set and two elements in every
 * array; every nullable field null and numbers negative; every field at its default.
 */
public class Golden {
    static final String[] ROOTS = {
        "org.apache.kafka.common.message.ProduceRequestData",
        "org.apache.kafka.common.metadata.TopicRecord",
        "org.apache.kafka.coordinator.group.generated.OffsetCommitValue",
        "org.apache.kafka.coordinator.transaction.generated.TransactionLogValue",
        "org.apache.kafka.server.log.remote.metadata.storage.generated.ProducerSnapshot",
    };
    static final int FULL = 0, NULLS = 1, DEFAULTS = 2;

    final int filling;
    int count = 0;

    Golden(int filling) {
        this.filling = filling;
    }

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        int lines = 0;
        Set<String> pairs = new HashSet<>(), names = new HashSet<>();
        try (Writer out = new OutputStreamWriter(
                new GZIPOutputStream(new FileOutputStream("messages.ndjson.gz")), StandardCharsets.UTF_8)) {
            for (String name : classNames()) {
                Class<?> type = Class.forName(name);
                Message sample = (Message) type.getConstructor().newInstance();
                for (short v = sample.lowestSupportedVersion(); v <= sample.highestSupportedVersion(); v++) {
                    for (int filling = FULL; filling <= DEFAULTS; filling++) {
                        Message message = (Message) type.getConstructor().newInstance();
                        if (filling != DEFAULTS) new Golden(filling).fill(message, v);
                        ObjectNode line = json.createObjectNode();
                        String shortName = type.getSimpleName().replaceAll("Data$", "");
                        if (name.endsWith("PrincipalData")) shortName = type.getSimpleName();
                        line.put("n", shortName).put("v", v).put("b", bytes(message, v));
                        line.set("j", values(type, message, v));
                        out.write(json.writeValueAsString(line) + "\n");
                        lines++;
                        names.add(shortName);
                        pairs.add(shortName + " " + v);
                    }
                }
            }
        }
        System.out.println(names.size() + " messages, " + pairs.size() + " versions, " + lines + " lines");
    }

    /** Messages of the APIs that brokers serve, and everything that is not a request or response. */
    static Set<String> classNames() throws Exception {
        Set<String> clientApis = new HashSet<>();
        for (ApiMessageType api : ApiMessageType.values()) {
            if (!api.listeners().contains(ApiMessageType.ListenerType.BROKER)) continue;
            clientApis.add(api.newRequest().getClass().getName());
            clientApis.add(api.newResponse().getClass().getName());
        }
        Set<String> names = new TreeSet<>();
        for (String root : ROOTS) {
            String folder = root.substring(0, root.lastIndexOf('.')).replace('.', '/') + "/";
            String jar = Class.forName(root).getProtectionDomain().getCodeSource().getLocation().getPath();
            try (JarFile file = new JarFile(jar)) {
                file.stream().map(entry -> entry.getName()).forEach(entry -> {
                    if (!entry.startsWith(folder) || !entry.endsWith("JsonConverter.class") || entry.contains("$")) return;
                    String name = entry.replace("JsonConverter.class", "").replace('/', '.');
                    boolean isApi = name.endsWith("RequestData") || name.endsWith("ResponseData");
                    boolean isTiered = name.contains(".Remote");
                    if (isApi ? clientApis.contains(name) : !isTiered) names.add(name);
                });
            }
        }
        return names;
    }

    static String bytes(Message message, short version) {
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return Base64.getEncoder().encodeToString(bytes);
    }

    static JsonNode values(Class<?> type, Message message, short version) throws Exception {
        Class<?> converter = Class.forName(type.getName() + "JsonConverter");
        return (JsonNode) converter.getMethod("write", type, short.class, boolean.class)
            .invoke(null, message, version, false);
    }

    /** Sets every field the version has. */
    void fill(Message message, short version) throws Exception {
        Schema schema = ((Schema[]) message.getClass().getField("SCHEMAS").get(null))[version];
        for (BoundField field : schema.fields()) {
            if (field.def.type instanceof TaggedFields) {
                for (var tagged : ((TaggedFields) field.def.type).fields().values()) {
                    set(message, tagged.name, tagged.type, version);
                }
            } else {
                set(message, field.def.name, field.def.type, version);
            }
        }
    }

    void set(Message message, String name, Type type, short version) throws Exception {
        for (Field field : message.getClass().getDeclaredFields()) {
            if (!field.getName().equalsIgnoreCase(name.replace("_", ""))) continue;
            field.setAccessible(true);
            boolean isNull = filling == NULLS && type.isNullable();
            field.set(message, isNull ? null : value(message, field, type, version));
            return;
        }
        throw new IllegalStateException(message.getClass() + " has no field for " + name);
    }

    Object value(Message message, Field field, Type type, short version) throws Exception {
        Class<?> kind = field.getType();
        if (List.class.isAssignableFrom(kind)) {
            Class<?> element = (Class<?>) ((ParameterizedType) field.getGenericType()).getActualTypeArguments()[0];
            List<Object> list = new ArrayList<>();
            for (int i = 0; i < 2 - filling; i++) list.add(single(element, type.arrayElementType().get(), field, version));
            return list;
        }
        if (ImplicitLinkedHashCollection.class.isAssignableFrom(kind)) {
            Class<?> element = Class.forName(kind.getName().replaceAll("Collection$", ""));
            @SuppressWarnings("unchecked")
            var list = (ImplicitLinkedHashCollection<ImplicitLinkedHashCollection.Element>) kind.getConstructor().newInstance();
            for (int i = 0; i < 2 - filling; i++) {
                list.mustAdd((ImplicitLinkedHashCollection.Element) single(element, type.arrayElementType().get(), field, version));
            }
            return list;
        }
        return single(kind, type, field, version);
    }

    Object single(Class<?> kind, Type type, Field field, short version) throws Exception {
        int n = ++count;
        boolean negative = filling == NULLS;
        if (Message.class.isAssignableFrom(kind)) {
            Message message = (Message) kind.getConstructor().newInstance();
            fill(message, version);
            return message;
        }
        if (kind == boolean.class) return !(boolean) field.get(field.getDeclaringClass().getConstructor().newInstance());
        if (kind == byte.class || kind == Byte.class) return (byte) (negative ? -128 + n % 100 : 1 + n % 127);
        if (kind == short.class || kind == Short.class) return (short) (negative ? -32768 + n : 300 + n);
        if (kind == int.class || kind == Integer.class) {
            if (type == Type.UINT16) return negative ? 65535 - n : 40000 + n;
            return negative ? Integer.MIN_VALUE + 1000 + n : 70000 * n;
        }
        if (kind == long.class || kind == Long.class) {
            if (type == Type.UNSIGNED_INT32) return 4294967295L - n;
            if (isExact(field)) return negative ? Long.MIN_VALUE + n : Long.MAX_VALUE - n;
            return negative ? -9007199254740991L + n : 5000000000L * n;
        }
        if (kind == double.class) return negative ? -1.5e300 / n : n / 3.0;
        if (kind == String.class) return negative ? "Grüße, 世界 🌍 " + n : n % 7 == 0 ? "long ".repeat(30) + n : "text-" + n;
        if (kind == Uuid.class) return new Uuid(negative ? -n : 0x0123456789abcdefL + n, 7L * n);
        if (kind == ByteBuffer.class) return ByteBuffer.wrap(content(n));
        if (kind == byte[].class) return content(n);
        if (kind == BaseRecords.class) return MemoryRecords.readableRecords(ByteBuffer.wrap(content(n)));
        throw new IllegalStateException("No value for " + kind + " of " + field);
    }

    /** The fields that are declared to keep all 64 bits. */
    static boolean isExact(Field field) {
        String owner = field.getDeclaringClass().getSimpleName();
        return field.getName().equals("committedOffset")
            || field.getName().equals("offset") && owner.endsWith("OffsetCommitValue");
    }

    /** Now and then more than the writer copies. */
    static byte[] content(int n) {
        byte[] bytes = new byte[n % 5 == 0 ? 1100 : n % 3 == 0 ? 200 : 5];
        for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) (n + i);
        return bytes;
    }
}
