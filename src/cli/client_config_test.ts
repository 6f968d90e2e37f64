/** Proves that a command logs in as a Java client or librdkafka would with the same properties. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../config/load.ts";
import { clientConfigOf, readClientConfig, readProperties } from "./client_config.ts";

const read = (path: string) => `<${path}>`;
const of = (text: string) => clientConfigOf(readProperties(text), { path: "client", read });

Deno.test("properties are read as Java reads them", () => {
  const text = "# no\n! no\n a = b\nc:d\ne f\ng=h\\\n   i\nj=\\u00e4\\t\\=\n\nk\nl==\r\nm=\\\\\n";
  assertEquals([...readProperties(text)], [
    ["a", "b"],
    ["c", "d"],
    ["e", "f"],
    ["g", "hi"],
    ["j", "ä\t="],
    ["k", ""],
    ["l", "="],
    ["m", "\\"],
  ]);
});

Deno.test("a comment goes on to no other line, and several lines may be one", () => {
  const text = "# of the shop \\\na=b\\\n  c\\\n\td\n\\\ne=f\n  ! no \\\ng=h\\\n";
  assertEquals([...readProperties(text)], [["a", "bcd"], ["e", "f"], ["g", "h"]]);
});

Deno.test("blanks about a value are none of it, as Kafka's clients take it", () => {
  const { protocol, sasl, bootstrap } = of(
    "bootstrap.servers = a:1 , b:2 \nsecurity.protocol = SASL_PLAINTEXT \nsasl.mechanism = PLAIN\t\n" +
      "sasl.username = alice \nsasl.password = secret \n",
  );
  const user = { mechanism: "PLAIN", username: "alice", password: "secret" };
  assertEquals<unknown>([protocol, sasl, bootstrap], ["SASL_PLAINTEXT", user, "a:1 , b:2"]);
  assertEquals(of("metadata.broker.list=c:3").bootstrap, "c:3"); // librdkafka's other name
});

Deno.test("a Java client's properties, and librdkafka's, say the same", () => {
  const sasl = { mechanism: "SCRAM-SHA-512", username: "al ice", password: 'p"w;d' };
  const java = of(
    "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n" +
      "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n" +
      ' username="al ice" password="p\\\\"w;d";\n' +
      "ssl.truststore.type=PEM\nssl.truststore.location=/ca\n",
  );
  assertEquals(java, { protocol: "SASL_SSL", tls: { caCerts: ["</ca>"] }, sasl } as typeof java);
  const rd = of(
    "security.protocol=sasl_ssl\nsasl.mechanisms=SCRAM-SHA-512\nsasl.username=al ice\n" +
      'sasl.password=p"w;d\nssl.ca.location=/ca\n',
  );
  assertEquals(rd, java);
});

Deno.test("a delegation token is told from a user", () => {
  const jaas = 'x.ScramLoginModule required username="id" password="aG1hYw==" tokenauth="true";';
  const of1 = (mechanism: string) =>
    of(`security.protocol=SASL_SSL\nsasl.mechanism=${mechanism}\nsasl.jaas.config=${jaas}\n`);
  const token = { username: "id", password: "aG1hYw==", isToken: true };
  assertEquals(of1("SCRAM-SHA-256").sasl, { mechanism: "SCRAM-SHA-256", ...token });
  assertThrows(() => of1("PLAIN"), ConfigError, "tokenauth");
});

Deno.test("a client's certificate comes from one file or two, and a token from its file", async () => {
  const tls = { caCerts: [], cert: "</c>", key: "</k>" };
  assertEquals(
    of("security.protocol=SSL\nssl.certificate.location=/c\nssl.key.location=/k").tls,
    tls,
  );
  assertEquals(
    of(
      "security.protocol=SSL\nssl.keystore.type=PEM\nssl.keystore.certificate.chain=c\nssl.keystore.key=k",
    ).tls,
    { caCerts: [], cert: "c", key: "k" },
  );
  const pem = "-----BEGIN PRIVATE KEY-----\nk\n-----END PRIVATE KEY-----";
  const both = clientConfigOf(
    readProperties("security.protocol=SSL\nssl.keystore.type=PEM\nssl.keystore.location=/b"),
    { path: "client", read: () => `${pem}\nc` },
  );
  assertEquals(both.tls, { caCerts: [], cert: `${pem}\nc`, key: pem });
  const { sasl } = of(
    "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\n" +
      "sasl.oauthbearer.token.endpoint.url=file:/t%20t",
  );
  assert(sasl?.mechanism === "OAUTHBEARER");
  assertEquals(await (sasl as { token: () => string }).token(), "</t t>");
});

Deno.test("what cannot be used is refused in words, without the password", () => {
  const refused: [string, string][] = [
    ["security.protocol=TLS", "TLS"],
    ["security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI", "GSSAPI"],
    ["security.protocol=SASL_SSL", "missing"],
    ["security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.password=hunter2", "username"],
    ["security.protocol=SSL\nssl.truststore.location=/jks", "ssl.truststore.type = PEM"],
    ["security.protocol=SASL_SSL\nsasl.mechanism=OAUTHBEARER", "token.endpoint.url"],
    ["security.protocol=SSL\nssl.keystore.certificate.chain=c", "ssl.keystore.key"],
    ["security.protocol=SSL\nssl.key.location=/k", "ssl.certificate.location"],
  ];
  for (const [text, words] of refused) {
    const { message } = assertThrows(() => of(text), ConfigError);
    assert(message.includes(words) && !message.includes("hunter2"), message);
  }
});

Deno.test("a file with a password that everybody can read is refused", async () => {
  const path = await Deno.makeTempFile();
  try {
    const text = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=a\n";
    await Deno.writeTextFile(path, `${text}sasl.password=b\n`);
    await Deno.chmod(path, 0o644);
    assertThrows(() => readClientConfig(path), ConfigError, "chmod 600");
    await Deno.chmod(path, 0o600);
    assertEquals(readClientConfig(path).protocol, "SASL_PLAINTEXT");
  } finally {
    await Deno.remove(path);
  }
});
