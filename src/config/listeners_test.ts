/**
 * Proves what listeners follow from a configuration: from tables, from Kafka's texts and from the short way, what each
 * takes from [tls], and with which words what cannot be is refused.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { listenersOf } from "./listeners.ts";
import { ConfigError, loadConfig } from "./load.ts";
import { type Config, defaultConfig } from "./options.ts";
import { checkRules, httpAddressOf } from "./rules.ts";

async function load(toml: string, args: string[] = [], env = {}): Promise<Config> {
  const readFile = (path: string) => path === "./runnel.toml" ? { text: toml, mode: 0o600 } : null;
  return (await loadConfig({ args, env, readFile })).config;
}

async function refusal(toml: string, args: string[] = []): Promise<string> {
  try {
    await load(toml, args);
    return "accepted";
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

Deno.test("without more there is one plain listener at home, as kafka_port and its fellows say", async () => {
  const usual = {
    name: "PLAINTEXT",
    protocol: "PLAINTEXT" as const,
    addresses: ["127.0.0.1"],
    port: 9092,
    advertised: null,
    maxConnections: null,
    maxConnectionCreationRate: null,
    tls: null,
  };
  assertEquals(listenersOf(defaultConfig()), [usual]);
  const short = await load(
    'kafka_port = 1\nlisten_addresses = ["127.0.0.1", "::1"]\nadvertised_address = "[::1]:7"',
  );
  assertEquals(listenersOf(short), [{
    ...usual,
    addresses: ["127.0.0.1", "::1"],
    port: 1,
    advertised: { host: "::1", port: 7 },
  }]);
});

const TABLES = `
[tls]
certificate_file = "a.pem"
client_ca_file = "ca.pem"

[[listeners]]
port = 9092

[[listeners]]
name = "external" # Kafka has names in capitals
protocol = "SSL"
address = "0.0.0.0"
port = 9094
advertised = "broker.example"
client_auth = "required"

[[listeners]]
name = "other"
protocol = "SSL"
certificate_file = "b.pem"
key_file = "b.key"
port = 9095

[log]
level = "warn"
`;

Deno.test("tables say listeners one by one, and take from [tls] what they do not say", async () => {
  const config = await load(TABLES);
  assertEquals(config.log.level, "warn");
  const [plain, external, other] = listenersOf(config);
  assertEquals([plain.name, plain.addresses, plain.port], ["PLAINTEXT", ["127.0.0.1"], 9092]);
  assertEquals(external, {
    name: "EXTERNAL",
    protocol: "SSL",
    addresses: ["0.0.0.0"],
    port: 9094,
    advertised: { host: "broker.example", port: null },
    maxConnections: null,
    maxConnectionCreationRate: null,
    tls: {
      certificateFile: "a.pem",
      keyFile: "a.pem",
      clientCaFile: "ca.pem",
      clientAuth: "required",
      principalMappingRules: "DEFAULT",
    },
  });
  assertEquals([other.tls!.certificateFile, other.tls!.keyFile, other.tls!.clientCaFile], [
    "b.pem",
    "b.key",
    "",
  ]);
});

Deno.test("Kafka's texts say the same, in a file, in the environment and in flags", async () => {
  const listeners = "PLAINTEXT://127.0.0.1:9092,EXTERNAL://:9094,V6://[::1]:9095";
  const advertised = "EXTERNAL://broker.example:19094";
  const map = "external:SSL,V6:PLAINTEXT";
  const tls = '[tls]\ncertificate_file = "a.pem"\nclient_ca_file = "c"\nclient_auth = "required"';
  const ways = [
    await load(
      `listeners = "${listeners}"\nadvertised_listeners = ["${advertised}"]\nlistener_security_protocol_map = "${map}"\n${tls}`,
    ),
    await load(tls, [], {
      RUNNEL_LISTENERS: listeners,
      RUNNEL_ADVERTISED_LISTENERS: advertised,
      RUNNEL_LISTENER_SECURITY_PROTOCOL_MAP: map,
    }),
    await load(tls, [
      `--listeners=${listeners}`,
      "--advertised-listeners",
      advertised,
      "--listener-security-protocol-map",
      map,
    ]),
  ];
  for (const config of ways) {
    const found = listenersOf(config).map((
      { name, protocol, addresses, port, advertised },
    ) => [name, protocol, addresses[0], port, advertised?.host ?? null, advertised?.port ?? null]);
    assertEquals(found, [
      ["PLAINTEXT", "PLAINTEXT", "127.0.0.1", 9092, null, null],
      ["EXTERNAL", "SSL", "0.0.0.0", 9094, "broker.example", 19094],
      ["V6", "PLAINTEXT", "::1", 9095, null, null],
    ]);
  }
});

const SSL = '[tls]\ncertificate_file = "a"\n[[listeners]]\nprotocol = "SSL"\n';

/** What is refused, and words that have to be in the refusal. */
const REFUSED: readonly [toml: string, ...words: string[]][] = [
  ['listeners = "9092"', '"9092"', "NAME://host:port"],
  ['listeners = "A://h:70000"', "A://h:70000", "NAME://host:port"],
  ['listeners = "A://h h:1"', "h h"],
  ["listeners = 7", "7", "tables"],
  ["listeners = [1]", "listeners[0] is 1"],
  ["[[listeners]]\nport = 70000", "runnel.toml:1", "listeners[0].port", "70000", "0 to 65535"],
  ["[[listeners]]\nport = 1\n[[listeners]]\nprt = 1", "unknown key prt", "did you mean port?"],
  ['[[listeners]]\nprotocol = "TLS"', "TLS", "PLAINTEXT, SSL"],
  ["[[listeners]]\nport = 1\nport = 2", "twice"],
  ["[[storage]]\npath = '/x'", "[[storage]]", "write [storage]"],
  ["[listeners]\nport = 1", "listeners"],
  ["[[listeners]]\nport = 1\n[[listeners]]\nport = 2", "PLAINTEXT twice"],
  [
    "[[listeners]]\nname = 'a'\nprotocol = 'PLAINTEXT'\nport = 1\n[[listeners]]\nport = 1",
    "A",
    "port 1",
  ],
  [
    "insecure = true\n[[listeners]]\nname = 'a'\nprotocol = 'PLAINTEXT'\nport = 1\naddress = '0.0.0.0'\n[[listeners]]\nport = 1",
    "port 1",
  ],
  ["[[listeners]]\nname = 'a'\nport = 1", "A has no protocol", "listener_security_protocol_map"],
  ['listener_security_protocol_map = "A:TLS"\nlisteners = "A://:1"', "A:TLS"],
  ['listeners = "PLAINTEXT://127.0.0.1:1"\nadvertised_listeners = "B://h:1"', "B", "no such name"],
  [
    'listeners = "PLAINTEXT://127.0.0.1:1"\nadvertised_listeners = "PLAINTEXT://0.0.0.0:1"',
    "0.0.0.0",
  ],
  ['advertised_listeners = "PLAINTEXT://h:1"', "without listeners"],
  ['listeners = "PLAINTEXT://127.0.0.1:1"\nadvertised_address = "h"', "advertised_address", "both"],
  ['listeners = "PLAINTEXT://127.0.0.1:1"\nlisten_addresses = "::1"', "listen_addresses", "both"],
  ["[[listeners]]\nprotocol = 'SSL'", "no certificate", "tls.certificate_file"],
  [`${SSL}client_auth = "required"`, "client_auth = required", "tls.client_ca_file"],
  [`${SSL}client_auth = "requested"`, "client_auth = requested", "tls.client_ca_file"],
  ["[[listeners]]\nprotocol = 'SASL_SSL'", "SASL_SSL", "no certificate"],
  ["[[listeners]]\nprotocol = 'SASL_PLAINTEXT'", "auth.mechanism has PLAIN", "runnel user"],
  [
    "[[listeners]]\naddress = '0.0.0.0'\nname = 'a'\nprotocol = 'PLAINTEXT'",
    "A is at 0.0.0.0",
    "insecure",
  ],
  [`${SSL}address = "10.0.0.1"`, "10.0.0.1", "client_auth = required", "insecure"],
  [
    "[tls]\ncipher_suites = 'TLS_AES_128_GCM_SHA256'",
    "cipher_suites",
    "the runtime has the choice",
  ],
  ["http_port = 5\n[[listeners]]\nport = 5", "PLAINTEXT and http_port are both 5"],
  ["[http]\ntls = true", "http.tls", "tls.certificate_file"],
  ["[http]\nauthentication = 'basic'\nusername = 'a'", "http.password"],
  ["[http]\nauthentication = 'bearer'", "http.token"],
  [
    "[auth]\nenabled = true\nmechanism = ['OAUTHBEARER']\n" +
    "[oauth]\njwks = '/keys'\nissuer = 'i'\naudience = 'a'\n" +
    "[http]\nauthentication = 'bearer'\ntoken = 'a.b.c'",
    "http.token",
    "two dots",
  ],
  ["[http]\naddress = '10.0.0.1'", "10.0.0.1", "http.authentication"],
  ["[http]\naddress = '10.0.0.1'\nauthentication = 'bearer'\ntoken = 't'", "in clear", "http.tls"],
];

for (const [toml, ...words] of REFUSED) {
  Deno.test(`refused in words: ${toml.replaceAll("\n", " ⏎ ")}`, async () => {
    const said = await refusal(toml);
    for (const word of words) assertStringIncludes(said, word);
  });
}

Deno.test("beyond this machine there is mTLS, or insecure, and HTTP stays at home", async () => {
  const open = `${SSL}address = "0.0.0.0"\n`;
  const required = await load(`${open}client_auth = "required"\nclient_ca_file = "c"`);
  assertEquals(httpAddressOf(required), "127.0.0.1");
  assertEquals(checkRules(required), null);
  assertEquals(await refusal(open, ["--insecure"]), "accepted");
});

const PLAIN_USER = 'plain_username = "u"\nplain_password = "p"\n';

Deno.test("passwords and tokens of other machines do not travel in clear, unless an option says so", async () => {
  const everywhere = 'listen_addresses = "0.0.0.0"\nhttp_port = 0\n[http]\naddress = "127.0.0.1"\n';
  const asked = `${everywhere}[auth]\nenabled = true\n${PLAIN_USER}`;
  const said = await refusal(asked);
  for (
    const word of [
      "0.0.0.0",
      "PLAIN",
      "in clear",
      "tls.certificate_file",
      "SCRAM-SHA-512",
      "auth.allow_in_clear",
    ]
  ) {
    assertStringIncludes(said, word);
  }
  assertEquals(await refusal(`${asked}allow_in_clear = true`), "accepted");
  assertEquals(await refusal(`insecure = true\n${asked}`), "accepted");
  assertEquals(await refusal(`${asked}[tls]\ncertificate_file = "a"`), "accepted");
  assertEquals(await refusal(asked.replace("0.0.0.0", "127.0.0.1")), "accepted");
  const of = (mechanism: string, more = "") =>
    refusal(
      `[auth]\nmechanism = "${mechanism}"\n${PLAIN_USER}${more}[oauth]\njwks = "k"\nissuer = "i"\naudience = "a"\n` +
        '[[listeners]]\nprotocol = "SASL_PLAINTEXT"\naddress = "10.0.0.1"',
    );
  assertEquals(await of("SCRAM-SHA-512"), "accepted");
  assertStringIncludes(await of("SCRAM-SHA-512,PLAIN"), "SASL_PLAINTEXT is at 10.0.0.1");
  assertStringIncludes(await of("OAUTHBEARER"), "tokens of OAUTHBEARER");
  assertEquals(await of("OAUTHBEARER", "allow_in_clear = true\n"), "accepted");
});

Deno.test("the same port twice is fine at addresses that do not overlap", async () => {
  const two = (one: string, other: string) =>
    refusal(
      `[[listeners]]\nport = 1\naddress = "${one}"\n[[listeners]]\nname = "B"\nprotocol = "PLAINTEXT"\nport = 1\naddress = "${other}"`,
    );
  assertEquals(await two("127.0.0.1", "127.0.0.2"), "accepted");
  assertEquals(await two("127.0.0.1", "::1"), "accepted");
  assertStringIncludes(await two("127.0.0.1", "127.0.0.1"), "port 1");
});
