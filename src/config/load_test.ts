/** Proves what beats what, and what each mistake is answered with, by loading from made-up arguments, variables and files. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describeConfig, exampleToml, flagLines } from "./describe.ts";
import { ConfigError, loadConfig } from "./load.ts";
import { defaultConfig } from "./options.ts";
import { rows } from "./rows.ts";
import { checkRules } from "./rules.ts";

function load(
  given: {
    args?: string[];
    env?: Record<string, string>;
    files?: Record<string, string>;
    mode?: number;
  },
) {
  return loadConfig({
    args: given.args ?? [],
    env: given.env ?? {},
    readFile: (path) =>
      given.files?.[path] === undefined
        ? null
        : { text: given.files[path], mode: given.mode ?? 0o600 },
  });
}

async function refusal(given: Parameters<typeof load>[0]): Promise<string> {
  return (await assertRejects(() => load(given), ConfigError)).message;
}

Deno.test("without anything given every option has its default", async () => {
  const { config, sources, file } = await load({});
  assertEquals(config, defaultConfig());
  assertEquals([sources.size, file], [0, null]);
});

Deno.test("flags beat the environment, which beats the file, which beats the default", async () => {
  const files = {
    "./runnel.toml":
      'kafka_port = 1\nhttp_port = 2\n[storage]\npath = "/file"\n[log]\nformat = "json"\n',
  };
  const env = { RUNNEL_KAFKA_PORT: "3", RUNNEL_STORAGE_PATH: "/env", OTHER: "x" };
  const { config, sources } = await load({ files, env, args: ["--storage-path=/flag"] });
  assertEquals([config.storage.path, config.kafkaPort, config.httpPort, config.log.format], [
    "/flag",
    3,
    2,
    "json",
  ]);
  assertEquals(sources.get("storage.path"), "flag --storage-path");
  assertEquals(sources.get("kafka_port"), "environment RUNNEL_KAFKA_PORT");
  assertEquals(sources.get("http_port"), "./runnel.toml:2");
  assertEquals(sources.get("log.format"), "./runnel.toml:6");
});

Deno.test("flags take a value after = or a space, and booleans stand alone", async () => {
  const { config } = await load({
    args: ["--kafka-port", "7", "--insecure", "--auto-create-topics=false", "--debug"],
  });
  assertEquals([config.kafkaPort, config.insecure, config.autoCreateTopics, config.log.level], [
    7,
    true,
    false,
    "debug",
  ]);
});

Deno.test("a flag's value may be a negative number behind a space", async () => {
  const { config } = await load({ args: ["--topic-retention-ms", "-1", "--insecure"] });
  assertEquals([config.topic["retention.ms"], config.insecure], [-1, true]);
});

const TWICE: [toml: string, ...says: string[]][] = [
  ["kafka_port = 1\nhttp_port = 2\nkafka_port = 3\n", "toml:3", "key kafka_port", "line 1"],
  ["kafka_port = 1\n'kafka_port' = 1\n", "toml:2", "key kafka_port", "line 1"],
  ['[log]\nlevel = "info"\n\n[log]\nformat = "json"\n', "toml:4", "table log", "line 1"],
  ['[log]\nlevel = "info" # [log]\n[ "log" ]\n', "toml:3", "table log", "line 1"],
  ['storage.path = "a"\n[storage]\nflush = "os"\n', "toml:2", "table storage", "line 1"],
  ['storage = { path = "a", path = "b" }\n', "toml:1", "key storage.path", "line 1"],
  ['storage = { path = "a" }\n[storage]\n', "toml:2", "table storage", "line 1"],
  ['storage.path = "a"\nstorage = { flush = "os" }\n', "toml:2", "key storage", "line 1"],
  ['[topic]\nretention.ms = 5\n"retention.ms" = 6\n', "toml:3", "topic.retention.ms", "line 2"],
  ["[topic]\nretention.ms = 5\n[topic.retention]\nms = 6\n", "toml:3", "topic.retention"],
  ["kafka_port = 1\nkafka_port.x = 2\n", "toml:2", "key kafka_port", "line 1"],
  ['listen_addresses = [\n  "::1", # kafka_port = 1\n]\nkafka_port = 1\nkafka_port = 2', "toml:5"],
];

Deno.test("a key or table given twice is refused with both lines", async () => {
  for (const [toml, ...parts] of TWICE) {
    const message = await refusal({ files: { "./runnel.toml": toml } });
    for (const part of ["is given twice", ...parts]) assertStringIncludes(message, part, toml);
  }
});

Deno.test("what only looks like a key given twice is none", async () => {
  const { config, sources } = await load({
    files: {
      "./runnel.toml": [
        'advertised_address = """\\',
        '  kafka_port"""',
        "kafka_port = 1 # kafka_port = 2",
        "listen_addresses = [",
        '  "127.0.0.1", # kafka_port = 3',
        '  "::1",',
        "]",
        "[log]",
        'level = "warn"',
        "[storage]",
        'path = "kafka_port = 4"',
        "[topic]",
        "retention.ms = 5",
        "retention.bytes = 6",
        'compression.type = "gzip"',
      ].join("\r\n"),
    },
  });
  assertEquals([config.kafkaPort, config.storage.path], [1, "kafka_port = 4"]);
  assertEquals(config.listenAddresses, ["127.0.0.1", "::1"]);
  assertEquals(sources.get("topic.compression.type"), "./runnel.toml:15");
});

Deno.test("topic defaults go by Kafka's names, with or without quotes", async () => {
  const toml =
    '[topic]\nretention.ms = 5\n"segment.bytes" = 2000000\ncleanup.policy = ["compact", "delete"]\n';
  const { config } = await load({
    files: { "./runnel.toml": toml },
    env: { RUNNEL_TOPIC_MAX_MESSAGE_BYTES: "9" },
  });
  assertEquals(config.topic["retention.ms"], 5);
  assertEquals(config.topic["segment.bytes"], 2_000_000);
  assertEquals(config.topic["cleanup.policy"], ["compact", "delete"]);
  assertEquals(config.topicSet.get("max.message.bytes"), "9");
  assertEquals(config.topicSet.size, 4);
});

const mistakes: [Parameters<typeof load>[0], ...string[]][] = [
  [{ args: ["--kafka-prt=1"] }, "--kafka-prt", "did you mean --kafka-port?"],
  [{ args: ["--kafka-port=65536"] }, "flag --kafka-port", "65536", "0 to 65535"],
  [{ args: ["--kafka-port"] }, "flag --kafka-port has no value", "a whole number, 0 to 65535"],
  [{ args: ["--storage-path", "--insecure"] }, "flag --storage-path has no value", "a directory"],
  [{ args: ["--topic-retention-ms"] }, "flag --topic-retention-ms has no value"],
  [{ args: ["--config"] }, "flag --config has no value", "a file"],
  [{ args: ["--kafka-port="] }, "flag --kafka-port", '""', "a whole number"],
  [{ args: ["--", "--debug"] }, "unknown argument --debug", "leave that out"],
  [{ args: ["--insecure=maybe"] }, "maybe", "true or false"],
  [{ args: ["stray"] }, "unknown argument stray"],
  [{ args: ["--auth-plain-password=x"] }, "RUNNEL_AUTH_PLAIN_PASSWORD"],
  [{ env: { RUNNEL_STORAGE_PTH: "x" } }, "RUNNEL_STORAGE_PTH", "did you mean RUNNEL_STORAGE_PATH?"],
  [
    { env: { RUNNEL_LOG_LEVEL: "loud" } },
    "environment RUNNEL_LOG_LEVEL",
    "loud",
    "debug, info, warn, error",
  ],
  [
    { files: { "./runnel.toml": "\n[storage]\npat = 1\n" } },
    "./runnel.toml:3",
    "storage.pat",
    "storage.path",
  ],
  [
    { files: { "./runnel.toml": 'kafka_port = "9092"\n' } },
    "./runnel.toml:1",
    '"9092"',
    "a whole number",
  ],
  [
    { files: { "./runnel.toml": "[topic]\nretention.ms = -2\n" } },
    "./runnel.toml:2",
    "topic.retention.ms",
    "at least -1",
  ],
  [{ files: { "./runnel.toml": "[topic]\nretention.ms = 9223372036854775807\n" } }, "quotes"],
  ...[
    "[auth]\nplain_password = hunter2\n",
    '[auth]\nplain_password = "hunter2\n',
    '[auth]\nplain_password = "x" hunter2\n',
    "[auth]\nplain_pasword = hunter2\n",
    "[http]\ntoken = '''\nhunter2\n",
    "auth = { plain_password = hunter2, x }\n",
  ].map((toml): [Parameters<typeof load>[0], ...string[]] => [
    { files: { "./runnel.toml": toml } },
    "it is not TOML",
    "not shown",
  ]),
  [{ files: { "./runnel.toml": "kafka_port = = 1\n" } }, "./runnel.toml:1: it is not TOML"],
  ...([
    ["kafka_port = 1 http_port = 2\n", "toml:1", '"http_port = 2" stands behind', "kafka_port"],
    ['\n[log] level = "info"\n', "toml:2", 'level = "info"', "[log]"],
    ["[log]\n[[storage]]\npath = 1\n", "toml:2", "write [storage]"],
    ["storage = 5\n", "toml:1", "write [storage]"],
    ["[storag]\n", "toml:1", "unknown table storag: did you mean storage?"],
    ["__proto__ = 1\n", "toml:1", "unknown key __proto__"],
    ["kafka_port = inf\n", "toml:1", "Infinity", "a whole number"],
    ["kafka_port = nan\n", "toml:1", "NaN", "a whole number"],
    ["\ufeffkafka_port = 70000\n", "toml:1", "70000"],
    ["kafka_port = 1979-05-27 07:32:00\n", "toml:1", "1979-05-27", "a whole number"],
  ] as const).map(([toml, ...says]): [Parameters<typeof load>[0], ...string[]] => [
    { files: { "./runnel.toml": toml } },
    ...says,
  ]),
  ...["node.id=1\nlog.dirs=/data\n", "node_id=0\nmystery=2\n"].map((
    text,
  ): [Parameters<typeof load>[0], ...string[]] => [
    { args: ["--config=server.properties"], files: { "server.properties": text } },
    "server.properties:",
    "what Kafka's lines are called here",
    "runnel help from-kafka",
  ]),
  [{ args: ["--config=nowhere.toml"] }, "nowhere.toml"],
  [{ args: ["--storage-path=s3://bucket"] }, "s3://bucket", "memory://"],
  [{ args: ["--auth-enabled"] }, "auth.mechanism has PLAIN", "no user of it"],
  [{ args: ["--auth-enabled", "--auth-plain-username=a"] }, "auth.plain_password", "missing"],
  [{ args: ["--auth-enabled", "--auth-mechanism=OAUTHBEARER"] }, "needs oauth.jwks"],
  [
    {
      args: [
        "--auth-enabled",
        "--auth-mechanism=OAUTHBEARER",
        "--oauth-issuer=i",
        "--oauth-audience=a",
        "--oauth-jwks=http://keys.example/jwks",
      ],
    },
    "http://keys.example/jwks",
    "https://",
  ],
  ...([
    ["http:keys.example/jwks", "https://"],
    ["http://127.0.0.1@keys.example/jwks", "without them"],
    ["https://me:secret@keys.example/jwks", "without them"],
    ["ftp://keys.example/jwks", "https://"],
  ] as const).map(([jwks, says]): [Parameters<typeof load>[0], ...string[]] => [
    {
      args: [
        "--auth-enabled",
        "--auth-mechanism=OAUTHBEARER",
        "--oauth-issuer=i",
        "--oauth-audience=a",
        `--oauth-jwks=${jwks}`,
      ],
    },
    "oauth.jwks",
    says,
  ]),
  [
    { args: ["--auth-enabled", "--listeners=PLAINTEXT://127.0.0.1:1"] },
    "PLAINTEXT and asks nobody",
  ],
  [{ args: ["--auth-mechanism=GSSAPI"] }, "GSSAPI", "SCRAM-SHA-512"],
  [{ args: ["--listen-addresses=0.0.0.0"] }, "0.0.0.0", "--insecure"],
  [{ args: ["--storage-flush=interval"] }, "flush_interval_ms"],
  [{ args: ["--http-port=9092"] }, "9092"],
  [{ args: ["--console-principal=User:root"] }, "User:root", "http.authentication"],
  [{ args: ["--console-base-path=runnel/"] }, "runnel/", "begins with /"],
  [{ args: ["--console-hosts=a.example:9093"] }, "a.example:9093", "without ports"],
  [{ args: ["--topic-min-compaction-lag-ms=9", "--topic-max-compaction-lag-ms=5"] }, "contradict"],
];

Deno.test("every mistake is refused with where it stands and what is allowed", async () => {
  for (const [given, ...parts] of mistakes) {
    const message = await refusal(given);
    for (const part of parts) assertStringIncludes(message, part, JSON.stringify(given));
  }
});

Deno.test("what consumer groups are run by comes from [groups], flags and variables, within its bounds", async () => {
  const toml = `[groups]
consumer_assignors = ["range"]
consumer_min_session_timeout_ms = 1000
consumer_session_timeout_ms = 6000
`;
  const { config } = await load({
    files: { "./runnel.toml": toml },
    args: ["--groups-consumer-heartbeat-interval-ms=5500"],
    env: { RUNNEL_GROUPS_CONSUMER_MAX_SIZE: "7" },
  });
  const { groups } = config;
  assertEquals(
    [groups.consumerAssignors, groups.consumerSessionTimeoutMs, groups.consumerMaxSize],
    [["range"], 6000, 7],
  );
  assertEquals(groups.consumerHeartbeatIntervalMs, 5500);
  const refused: [string, string][] = [
    [
      "--groups-consumer-session-timeout-ms=44999",
      "groups.consumer_min_session_timeout_ms (45000)",
    ],
    ["--groups-consumer-heartbeat-interval-ms=15001", "consumer_max_heartbeat_interval_ms (15000)"],
    ["--groups-consumer-assignment-interval-ms=15001", "consumer_max_assignment_interval_ms"],
    ["--groups-consumer-assignors=sticky", "uniform, range"],
  ];
  for (const [flag, part] of refused) assertStringIncludes(await refusal({ args: [flag] }), part);
  const late = [
    "--groups-consumer-min-session-timeout-ms=1",
    "--groups-consumer-session-timeout-ms=5000",
  ];
  assertStringIncludes(
    await refusal({ args: late }),
    "needs less than groups.consumer_session_timeout_ms (5000)",
  );
});

Deno.test("a password is neither shown nor read from a file that others can read", async () => {
  const files = { "./runnel.toml": '[auth]\nplain_password = "hunter2"\n' };
  assertStringIncludes(await refusal({ files, mode: 0o644 }), "chmod 600");
  const lines = describeConfig(await load({ files, mode: 0o600 })).join("\n");
  assert(!lines.includes("hunter2"));
  const bad = await refusal({ files: { "./runnel.toml": "[auth]\nplain_password = 12345678\n" } });
  assert(!bad.includes("12345678"));
});

Deno.test("what the runtime cannot do is said once it is set", async () => {
  assertEquals((await load({})).warnings, []);
  const { warnings } = await load({ args: ["--performance-socket-send-buffer-bytes=65536"] });
  assertStringIncludes(warnings[0], "performance.socket_send_buffer_bytes has no effect");
});

Deno.test("the example file, uncommented, loads and changes nothing", async () => {
  const toml = exampleToml().replace(/^#([^ ])/gm, "$1").replace(/^\[metrics\]/m, "[metrics]");
  const { config, sources } = await load({ files: { "./runnel.toml": toml } });
  assertEquals({ ...config, topicSet: new Map() }, defaultConfig());
  assertEquals(sources.size, rows().length);
});

Deno.test("describeConfig() has a line for every option, with its source", async () => {
  const lines = describeConfig(await load({ args: ["--kafka-port=7"] }));
  assertEquals(lines.length, rows().length + 1);
  assert(lines.some((line) => /^kafka_port +7 {2}\(flag --kafka-port\)$/.test(line)));
});

Deno.test("flagLines() has every flag with its default, and below it what it does, within 80 columns", () => {
  const lines = flagLines();
  for (const line of lines) {
    assert(/^ {2}--[a-z0-9-]+ \[.*\]$|^ {6}\S/.test(line) && line.length <= 80, line);
  }
  const at = lines.indexOf("  --kafka-port [9092]");
  assert(lines[at + 1].startsWith("      Port for Kafka clients"), lines[at + 1]);
});

Deno.test("an advertised address that nobody can connect to is refused, with the way out", () => {
  const refused = [
    ["0.0.0.0", "every address"],
    ["0.0.0.0:9092", "every address"],
    ["0", "every address"],
    ["00.0.0.000:9092", "every address"],
    ["[::]", "every address"],
    ["[::]:9092", "every address"],
    ["[0:0:0:0:0:0:0:0]:9092", "every address"],
    ["[::0.0.0.0]:9092", "every address"],
    ["[::ffff:0.0.0.0]:9092", "every address"],
    ["broker:0", "port 0"],
    ["broker:00000", "port 00000"],
    ["broker:65536", "port 65536"],
    ["[::1]:99999", "port 99999"],
  ];
  for (const [advertisedAddress, why] of refused) {
    const broken = checkRules({ ...defaultConfig(), advertisedAddress });
    assertStringIncludes(broken ?? "accepted", why, advertisedAddress);
    assertStringIncludes(broken ?? "", JSON.stringify(advertisedAddress));
  }
  const accepted = ["", "broker", "broker:1", "broker:65535", "10.0.0.1", "0.0.0.1", "100.0.0.0"];
  for (const advertisedAddress of [...accepted, "[::1]:9092", "[fe80::1]", "[::ffff:1.2.3.4]:1"]) {
    assertEquals(checkRules({ ...defaultConfig(), advertisedAddress }), null, advertisedAddress);
  }
});

Deno.test("a secret comes from the file that an option names, or from systemd, and is shown nowhere", async () => {
  const files = { "/run/pw": "hunter2\n", "/cred/http.token": "t0ken" };
  const env = {
    RUNNEL_AUTH_PLAIN_USERNAME: "admin",
    RUNNEL_AUTH_PLAIN_PASSWORD_FILE: "/run/pw",
    CREDENTIALS_DIRECTORY: "/cred",
  };
  const loaded = await load({ env, files });
  assertEquals(loaded.config.auth.plainPassword, "hunter2");
  assertEquals(loaded.config.http.token, "t0ken");
  const lines = describeConfig(loaded).join("\n");
  assert(!lines.includes("hunter2") && !lines.includes("t0ken"), lines);
  // What is said outright counts before systemd's.
  const said = await load({ env: { ...env, RUNNEL_HTTP_TOKEN: "mine" }, files });
  assertEquals(said.config.http.token, "mine");
});

Deno.test("a secret's file that everybody can read is refused, one that its group can is warned of, both without the secret", async () => {
  const files = { "/run/pw": "hunter2\n" };
  const env = { RUNNEL_AUTH_PLAIN_PASSWORD_FILE: "/run/pw" };
  const open = await refusal({ env, files, mode: 0o644 });
  assertStringIncludes(open, "chmod 600 /run/pw");
  const { warnings } = await load({ env, files, mode: 0o640 });
  assertStringIncludes(warnings[0], "its group can read it");
  assertStringIncludes(await refusal({ env }), "no file /run/pw");
  const twice = await refusal({ env: { ...env, RUNNEL_AUTH_PLAIN_PASSWORD: "other" }, files });
  assertStringIncludes(twice, "both set");
  for (const text of [open, ...warnings, twice]) assert(!text.includes("hunter2"));
  const bad = await refusal({ env, files: { "/run/pw": "x".repeat(300) } });
  assertStringIncludes(bad, "(hidden)");
});

Deno.test("super users are read from Kafka's text too, whose names may have commas", async () => {
  const of = async (text: string) =>
    (await load({ args: [`--authorization-super-users=${text}`] })).config.authorization.superUsers;
  assertEquals(await of("User:a;User:b"), ["User:a", "User:b"]);
  assertEquals(await of("User:CN=a,O=b; User:c;"), ["User:CN=a,O=b", "User:c"]);
  assertEquals(await of("User:a;"), ["User:a"]);
  assertEquals(await of("User:a,User:b"), ["User:a", "User:b"]);
  assertEquals(await of("User:a;b"), ["User:a;b"]);
});
