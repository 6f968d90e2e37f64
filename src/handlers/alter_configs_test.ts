/**
 * Altering configs, over a metadata log in memory and through the codec: what each operation leaves set, what is
 * refused and with which code, that nothing is half altered, and that a restart finds it all. Codes and texts are those
 * a Kafka 4.4.0 was seen to give.
 */
import { assertEquals } from "@std/assert";
import { AlterConfigs } from "../protocol/messages/alter_configs.ts";
import { DescribeConfigs } from "../protocol/messages/describe_configs.ts";
import { IncrementalAlterConfigs } from "../protocol/messages/incremental_alter_configs.ts";
import { ListConfigResources } from "../protocol/messages/list_config_resources.ts";
import { adminFixture, ask, everyVersion } from "../testing/admin.ts";

const SET = 0, DELETE = 1, APPEND = 2, SUBTRACT = 3;
const TOPIC = 2, BROKER = 4, LOGGER = 8, METRICS = 16, GROUP = 32;

type Change = [name: string, operation: number, value: string | null];
type Resource = [type: number, name: string, changes: Change[]];

async function start() {
  const { fixture, catalogue, handlers } = await adminFixture();
  await fixture.create("t", 1, { "segment.ms": "9" });
  const alter = async (resources: Resource[], { validateOnly = false, version = 1 } = {}) => {
    const { responses } = await ask(
      handlers.incrementalAlterConfigs,
      IncrementalAlterConfigs,
      version,
      {
        resources: resources.map(([resourceType, resourceName, changes]) => ({
          resourceType,
          resourceName,
          configs: changes.map(([name, configOperation, value]) => ({
            name,
            configOperation,
            value,
          })),
        })),
        validateOnly,
      },
    );
    return responses.map(({ errorCode, errorMessage }) => [errorCode, errorMessage]);
  };
  return { fixture, catalogue, handlers, alter };
}

function refusals(cases: Record<string, [Resource, number, string]>): void {
  for (const [name, [resource, code, text]] of Object.entries(cases)) {
    Deno.test(`IncrementalAlterConfigs refuses ${name}`, async () => {
      const { alter, fixture } = await start();
      const before = fixture.metadata.version;
      assertEquals(await alter([resource]), [[code, text]]);
      assertEquals(fixture.metadata.version, before);
    });
  }
}

Deno.test("IncrementalAlterConfigs sets and deletes in every version, in effect at once", async () => {
  const { catalogue, handlers, alter } = await start();
  await everyVersion(handlers.incrementalAlterConfigs, async (version) => {
    const topic = () => catalogue.topicConfig(catalogue.topic("t")!);
    assertEquals(await alter([[TOPIC, "t", [["retention.ms", SET, "77"]]]], { version }), [[
      0,
      null,
    ]]);
    assertEquals([topic()["retention.ms"], topic()["segment.ms"]], [77, 9]);
    await alter([[TOPIC, "t", [["retention.ms", DELETE, null], ["no.such", DELETE, "x"]]]], {
      version,
    });
    assertEquals(topic()["retention.ms"], 604_800_000);
  });
});

Deno.test("IncrementalAlterConfigs appends to a list from its default, and subtracts", async () => {
  const { catalogue, alter } = await start();
  const policy = () => catalogue.topic("t")!.configs.get("cleanup.policy");
  const steps: [number, string, string][] = [
    [APPEND, "compact", "delete,compact"],
    [APPEND, "compact", "delete,compact"],
    [SUBTRACT, "delete,other", "compact"],
    [SUBTRACT, "compact", ""],
  ];
  for (const [operation, value, expected] of steps) {
    assertEquals(await alter([[TOPIC, "t", [["cleanup.policy", operation, value]]]]), [[0, null]]);
    assertEquals(policy(), expected);
  }
});

Deno.test("IncrementalAlterConfigs alters a resource whole or not at all, and the others all the same", async () => {
  const { catalogue, fixture, alter } = await start();
  await fixture.create("u");
  const changes: Change[] = [["retention.ms", SET, "5"], ["segment.bytes", SET, "1"]];
  const outcomes = await alter([[TOPIC, "t", changes], [TOPIC, "u", changes.slice(0, 1)]]);
  assertEquals(outcomes.map(([code]) => code), [40, 0]);
  assertEquals([...catalogue.topic("t")!.configs], [["segment.ms", "9"]]);
  assertEquals([...catalogue.topic("u")!.configs], [["retention.ms", "5"]]);
});

Deno.test("IncrementalAlterConfigs with validateOnly answers as if, and changes nothing", async () => {
  const { catalogue, alter } = await start();
  const validateOnly = true;
  assertEquals(await alter([[TOPIC, "t", [["retention.ms", SET, "5"]]]], { validateOnly }), [[
    0,
    null,
  ]]);
  assertEquals(
    (await alter([[TOPIC, "t", [["retention.ms", SET, "x"]]]], { validateOnly }))[0][0],
    40,
  );
  assertEquals([...catalogue.topic("t")!.configs], [["segment.ms", "9"]]);
});

Deno.test("IncrementalAlterConfigs refuses every mention of a resource that is named twice", async () => {
  const { alter } = await start();
  const once: Resource = [TOPIC, "t", [["retention.ms", SET, "5"]]];
  const refused = [42, "Each resource must appear at most once."];
  assertEquals(await alter([once, once, [GROUP, "t", []]]), [refused, refused, [0, null]]);
});

Deno.test("A cluster's and a broker's configs are the defaults of topics at once", async () => {
  const { catalogue, alter } = await start();
  const retention = () => catalogue.topicConfig(catalogue.topic("t")!)["retention.ms"];
  await alter([[BROKER, "", [["log.retention.ms", SET, "5000"]]]]);
  assertEquals(retention(), 5000);
  await alter([[BROKER, "3", [["log.retention.ms", SET, "6000"]]]]);
  assertEquals(retention(), 6000);
  await alter([[BROKER, "3", [["log.retention.ms", DELETE, null]]]]);
  assertEquals(retention(), 5000);
});

Deno.test("Altered configs of every kind of resource are there after a restart", async () => {
  const { fixture, alter } = await start();
  const session: Change = ["consumer.session.timeout.ms", SET, "50000"];
  const outcomes = await alter([
    [TOPIC, "t", [["retention.ms", SET, "77"]]],
    [BROKER, "", [["log.retention.ms", SET, "5000"]]],
    [GROUP, "g", [session]],
    [METRICS, "m", [["interval.ms", SET, "1000"]]],
  ]);
  assertEquals(outcomes.map(([code]) => code), [0, 0, 0, 0]);
  await fixture.restart({ wasClean: true });
  const { catalogue } = fixture;
  assertEquals(catalogue.topic("t")!.configs.get("retention.ms"), "77");
  assertEquals(catalogue.brokerConfigs("").get("log.retention.ms"), "5000");
  assertEquals([...catalogue.configs(GROUP, "g")], [["consumer.session.timeout.ms", "50000"]]);
  assertEquals([...catalogue.configs(METRICS, "m")], [["interval.ms", "1000"]]);
});

Deno.test("What a broker does not know is kept, and its value is told to nobody", async () => {
  const { handlers, alter } = await start();
  assertEquals(await alter([[BROKER, "3", [["plugin.secret", SET, "x"]]]]), [[0, null]]);
  const { results: [{ configs }] } = await ask(handlers.describeConfigs, DescribeConfigs, 4, {
    resources: [{ resourceType: BROKER, resourceName: "3", configurationKeys: ["plugin.secret"] }],
    includeSynonyms: true,
  });
  assertEquals(
    configs.map(({ value, isSensitive, synonyms }) => [
      value,
      isSensitive,
      synonyms.map((one) => one.value),
    ]),
    [[null, true, [null]]],
  );
});

Deno.test("What is set under a fine name is described above the coarse default", async () => {
  const { handlers, alter } = await start();
  await alter([[BROKER, "3", [["log.retention.ms", SET, "6000"]]]]);
  const { results } = await ask(handlers.describeConfigs, DescribeConfigs, 4, {
    resources: [
      { resourceType: BROKER, resourceName: "3", configurationKeys: ["log.retention.ms"] },
      { resourceType: TOPIC, resourceName: "t", configurationKeys: ["retention.ms"] },
    ],
    includeSynonyms: true,
  });
  const synonyms = [
    { name: "log.retention.ms", value: "6000", source: 2 },
    { name: "log.retention.hours", value: "168", source: 5 },
  ];
  for (const { configs: [config] } of results) {
    assertEquals([config.value, config.configSource, config.synonyms], ["6000", 2, synonyms]);
  }
});

Deno.test("A resource may have 1,000 configs", async () => {
  const { alter } = await start();
  const plugin = (count: number): Change[] =>
    Array.from({ length: count }, (_, i) => [`plugin.${i}`, SET, "x"]);
  assertEquals((await alter([[BROKER, "3", plugin(1001)]]))[0][0], 44);
  assertEquals(await alter([[BROKER, "3", plugin(1000)]]), [[0, null]]);
});

Deno.test("10,000 groups may have configs, and of those each can be altered still", async () => {
  const { alter } = await start();
  const session = (value: string): Change[] => [["consumer.session.timeout.ms", SET, value]];
  const many = Array.from({ length: 10_001 }, (_, i): Resource => [
    GROUP,
    `g${i}`,
    session("50000"),
  ]);
  const codes = (await alter(many)).map(([code]) => code);
  assertEquals([codes.filter((code) => code === 0).length, codes[10_000]], [10_000, 44]);
  assertEquals(await alter([[GROUP, "g7", session("50001")]]), [[0, null]]);
});

Deno.test("AlterConfigs replaces what is set, in every version", async () => {
  const { catalogue, handlers } = await start();
  await everyVersion(handlers.alterConfigs, async (version) => {
    const replace = (value: string | null) =>
      ask(handlers.alterConfigs, AlterConfigs, version, {
        resources: [{
          resourceType: TOPIC,
          resourceName: "t",
          configs: [{ name: "retention.ms", value }],
        }],
      });
    assertEquals((await replace(`${version}5`)).responses[0].errorCode, 0);
    assertEquals([...catalogue.topic("t")!.configs], [["retention.ms", `${version}5`]]);
    assertEquals((await replace(null)).responses[0].errorCode, 42);
  });
});

Deno.test("DescribeConfigs tells all configs of a group and of client metrics, set or not", async () => {
  const { handlers, alter } = await start();
  await alter([[GROUP, "g", [["consumer.heartbeat.interval.ms", SET, "6000"]]]]);
  const shown = async (resourceType: number, resourceName: string) => {
    const { results } = await ask(handlers.describeConfigs, DescribeConfigs, 4, {
      resources: [{ resourceType, resourceName }],
      includeSynonyms: true,
    });
    return results[0].configs.map(({ name, value, configSource, synonyms }) =>
      [name, value, configSource, ...synonyms.map((one) => `${one.name} ${one.source}`)].join(" ")
    );
  };
  await alter([[BROKER, "", [["group.consumer.assignment.interval.ms", SET, "2000"]]]]);
  const ofGroup = await shown(GROUP, "g");
  assertEquals(ofGroup.length, 21); // as in Kafka 4.4
  assertEquals(ofGroup.filter((line) => line.startsWith("consumer.")), [
    "consumer.assignment.interval.ms 2000 3 group.consumer.assignment.interval.ms 3 group.consumer.assignment.interval.ms 5",
    "consumer.heartbeat.interval.ms 6000 8 consumer.heartbeat.interval.ms 8 group.consumer.heartbeat.interval.ms 5",
    "consumer.session.timeout.ms 45000 5 group.consumer.session.timeout.ms 5",
  ]);
  assertEquals(ofGroup.filter((line) => line.startsWith("errors.")), [
    "errors.deadletterqueue.copy.record.enable false 5 errors.deadletterqueue.copy.record.enable 5",
    "errors.deadletterqueue.topic.name  5 errors.deadletterqueue.topic.name 5",
  ]);
  assertEquals(await shown(METRICS, "m"), ["interval.ms 300000 5", "match  5", "metrics  5"]);
});

Deno.test("ListConfigResources tells those of the types asked for", async () => {
  const { handlers, alter } = await start();
  await alter([
    [GROUP, "g", [["consumer.session.timeout.ms", SET, "50000"]]],
    [METRICS, "m", [["interval.ms", SET, "1000"]]],
  ]);
  const list = async (version: number, resourceTypes?: number[]) => {
    const answer = await ask(handlers.listConfigResources, ListConfigResources, version, {
      ...(resourceTypes && { resourceTypes }),
    });
    const shown = answer.configResources.map((one) => `${one.resourceType} ${one.resourceName}`);
    return [answer.errorCode, ...shown];
  };
  assertEquals(await list(0), [0, "16 m"]);
  assertEquals(await list(1), [0, "32 g", "16 m", "8 3", "4 3", "2 t"]);
  assertEquals(await list(1, [GROUP, TOPIC]), [0, "32 g", "2 t"]);
  assertEquals(await list(1, [GROUP, 99]), [35]);
});

/** As Kafka 4.4.0 shows them. */
const SHOWN: [name: string, given: string, shown: string][] = [
  ["retention.ms", " 77 ", "77"],
  ["retention.ms", "+5", "5"],
  ["retention.ms", "007", "7"],
  ["retention.ms", "-1", "-1"],
  ["retention.ms", "9223372036854775807", "9223372036854775807"],
  ["preallocate", "True", "true"],
  ["preallocate", " TRUE ", "true"],
  ["cleanup.policy", "compact,compact", "compact"],
  ["cleanup.policy", " compact , delete ", "compact,delete"],
  ["cleanup.policy", "", ""],
  ["min.cleanable.dirty.ratio", "5e-1", "0.5"],
  ["min.cleanable.dirty.ratio", "1", "1.0"],
  ["min.cleanable.dirty.ratio", "0.00001", "1.0E-5"],
  ["compression.type", " lz4 ", "lz4"],
  ["follower.replication.throttled.replicas", " 0:1 , 1:2 ", "0:1,1:2"],
  ["follower.replication.throttled.replicas", "0:1,0:1", "0:1,0:1"],
  ["internal.segment.bytes", " 200 ", " 200 "],
];

Deno.test("DescribeConfigs shows a topic's values as they are understood, and those beyond its list that are set", async () => {
  const { handlers, alter } = await start();
  for (const [name, given, shown] of SHOWN) {
    assertEquals(await alter([[TOPIC, "t", [[name, SET, given]]]]), [[0, null]], name);
    const { results } = await ask(handlers.describeConfigs, DescribeConfigs, 4, {
      resources: [{ resourceType: TOPIC, resourceName: "t", configurationKeys: [name] }],
      includeSynonyms: true,
    });
    const [{ value, configSource, synonyms: [own] }] = results[0].configs;
    assertEquals([value, configSource, own.value, own.source], [shown, 1, shown, 1], given);
  }
});

Deno.test("DescribeConfigs shows a group's and a subscription's values as they are understood", async () => {
  const { handlers, alter } = await start();
  const cases: [number, string, string, string][] = [
    [GROUP, "consumer.session.timeout.ms", " 46000 ", "46000"],
    [GROUP, "streams.rack.aware.assignment.tags", " a , b ", "a,b"],
    [GROUP, "consumer.assignor.offload.enable", "FALSE", "FALSE"], // Kafka's own business
    [GROUP, "errors.deadletterqueue.copy.record.enable", "True", "true"],
    [METRICS, "metrics", " a , b ", "a,b"],
    [METRICS, "metrics", "a,a", "a"],
    [
      METRICS,
      "match",
      " client_id = a.* , client_source_port=5",
      "client_id = a.*,client_source_port=5",
    ],
    [METRICS, "interval.ms", " 1000 ", "1000"],
  ];
  for (const [type, name, given, shown] of cases) {
    assertEquals(await alter([[type, "x", [[name, SET, given]]]]), [[0, null]], name);
    const { results } = await ask(handlers.describeConfigs, DescribeConfigs, 4, {
      resources: [{ resourceType: type, resourceName: "x", configurationKeys: [name] }],
    });
    assertEquals(results[0].configs.map(({ value }) => value), [shown], name);
  }
});

Deno.test("IncrementalAlterConfigs appends and subtracts what Java's split() makes of a list", async () => {
  const { catalogue, alter } = await start();
  const REPLICAS = "follower.replication.throttled.replicas";
  const steps: [string, number, string, number, string | undefined][] = [
    ["cleanup.policy", APPEND, "", 40, undefined],
    ["cleanup.policy", APPEND, ",", 0, "delete"],
    ["cleanup.policy", APPEND, " compact", 0, "delete, compact"],
    ["cleanup.policy", APPEND, "compact,,delete", 40, "delete, compact"],
    ["cleanup.policy", SUBTRACT, "", 0, "delete, compact"],
    ["cleanup.policy", SUBTRACT, "delete, compact", 0, ""],
    ["cleanup.policy", APPEND, "", 0, ""],
    [REPLICAS, APPEND, "", 0, ""],
    [REPLICAS, APPEND, "0:1,", 0, "0:1"],
    [REPLICAS, APPEND, "", 0, "0:1,"],
    [REPLICAS, SUBTRACT, "0:1", 0, ""],
  ];
  for (const [name, operation, value, code, left] of steps) {
    const [[errorCode]] = await alter([[TOPIC, "t", [[name, operation, value]]]]);
    const what = `${name} ${operation} ${JSON.stringify(value)}`;
    assertEquals([errorCode, catalogue.topic("t")!.configs.get(name)], [code, left], what);
  }
});

Deno.test("IncrementalAlterConfigs takes what Kafka alters while it runs, of groups of every kind too", async () => {
  const { alter } = await start();
  const taken: Resource[] = [
    [BROKER, "", [["num.io.threads", SET, "9"]]],
    [BROKER, "3", [["leader.replication.throttled.rate", SET, "5"]]],
    [BROKER, "3", [["group.consumer.assignment.interval.ms", SET, " 3000 "]]],
    [BROKER, "", [["auto.leader.rebalance.enable", DELETE, null]]],
    [GROUP, "g", [["share.auto.offset.reset", SET, "by_duration:P1D"]]],
    [GROUP, "g", [["share.isolation.level", SET, "read_committed"]]],
    [GROUP, "g", [["streams.num.standby.replicas", SET, "2"]]],
    [GROUP, "g", [["streams.assignor.name", SET, "sticky"]]],
    [METRICS, "m", [["match", SET, "client_source_port=1.*"]]],
  ];
  for (const resource of taken) assertEquals(await alter([resource]), [[0, null]], `${resource}`);
});

refusals({
  "an option of Kafka's that is read at start, though there is none here": [
    [BROKER, "", [
      ["auto.leader.rebalance.enable", SET, "true"],
      ["security.inter.broker.protocol", SET, "SSL"],
      ["log.retention.ms", SET, "5"],
    ]],
    42,
    "Cannot update these configs dynamically: [auto.leader.rebalance.enable, security.inter.broker.protocol]",
  ],
  "to append to what is read at start": [
    [BROKER, "", [["log.dirs", APPEND, "x"]]],
    42,
    "Cannot update these configs dynamically: [log.dirs]",
  ],
  "to append to what is read at start and is no list": [
    [BROKER, "", [["node.id", APPEND, "1"]]],
    40,
    "Config value append is not allowed for config key: node.id",
  ],
  "to subtract from a broker's config that is no list": [
    [BROKER, "3", [["log.retention.ms", SUBTRACT, "1"]]],
    40,
    "Config value subtract is not allowed for config key: log.retention.ms",
  ],
  "how often retention looks": [
    [BROKER, "", [["log.retention.check.interval.ms", SET, "5"]]],
    42,
    "Cannot update these configs dynamically: [log.retention.check.interval.ms]",
  ],
  "the session timeout of all consumer groups": [
    [BROKER, "3", [["group.consumer.session.timeout.ms", SET, "50000"]]],
    42,
    "Cannot update these configs dynamically: [group.consumer.session.timeout.ms]",
  ],
  "an assignment interval beyond its bound": [
    [BROKER, "", [["group.consumer.assignment.interval.ms", SET, "20000"]]],
    42,
    "group.consumer.assignment.interval.ms must be less than or equal to group.consumer.max.assignment.interval.ms",
  ],
  "a number that is none": [
    [BROKER, "", [["num.io.threads", SET, "abc"]]],
    42,
    "Invalid value abc for configuration num.io.threads: needs a whole number (INT)",
  ],
  "for the cluster what each broker has its own of": [
    [BROKER, "", [["principal.builder.class", SET, "x"]]],
    42,
    "Cannot update these configs at default cluster level, broker id must be specified: [principal.builder.class]",
  ],
  "too many standby replicas": [
    [GROUP, "g", [["streams.num.standby.replicas", SET, "3"]]],
    40,
    "streams.num.standby.replicas must be less than or equal to 2",
  ],
  "an offset reset that is none": [
    [GROUP, "g", [["share.auto.offset.reset", SET, "by_duration:P"]]],
    40,
    "Invalid value by_duration:P for configuration share.auto.offset.reset: needs earliest, latest or by_duration:PnDTnHnMn.nS",
  ],
  "an empty pattern of client metrics": [
    [METRICS, "m", [["match", SET, "client_id="]]],
    40,
    "Illegal client matching pattern: client_id=",
  ],
});

refusals({
  "a topic that does not exist": [
    [TOPIC, "no", [["retention.ms", SET, "5"]]],
    3,
    "The topic 'no' does not exist.",
  ],
  "a topic without a name": [
    [TOPIC, "", [["retention.ms", SET, "5"]]],
    42,
    "Default topic resources are not allowed.",
  ],
  "an unknown topic config": [
    [TOPIC, "t", [["nope", SET, "5"]]],
    40,
    "Unknown topic config name: nope",
  ],
  "a value of null": [
    [TOPIC, "t", [["retention.ms", SET, null]]],
    42,
    "Null value not supported for : retention.ms",
  ],
  "to append to what is no list": [
    [TOPIC, "t", [["retention.ms", APPEND, "5"]]],
    40,
    "Can't APPEND to key retention.ms because its type is not LIST.",
  ],
  "an unknown operation": [
    [TOPIC, "t", [["retention.ms", 9, "5"]]],
    42,
    "Unknown operation 9 on retention.ms: needs 0 to 3",
  ],
  "a config that is named twice": [
    [TOPIC, "t", [["retention.ms", SET, "5"], ["retention.ms", SET, "6"]]],
    42,
    "Error due to duplicate config keys",
  ],
  "an unknown type": [[99, "x", [["a", SET, "b"]]], 42, "Unknown resource type 99"],
  "another broker": [
    [BROKER, "9", [["log.retention.ms", SET, "5"]]],
    42,
    "Unexpected broker id, expected 3, but received 9",
  ],
  "a broker that is no number": [
    [BROKER, "x", [["log.retention.ms", SET, "5"]]],
    42,
    "Node id must be an integer, but it is: x",
  ],
  "an option that is read at start": [
    [BROKER, "", [["num.partitions", SET, "5"], ["log.retention.hours", SET, "5"]]],
    42,
    "Cannot update these configs dynamically: [num.partitions, log.retention.hours]",
  ],
  "a key store, which would be kept in the clear": [
    [BROKER, "", [["ssl.keystore.password", SET, "5"]]],
    42,
    "These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.keystore.password]",
  ],
  "min.insync.replicas of a broker": [
    [BROKER, "3", [["min.insync.replicas", SET, "2"]]],
    40,
    "Broker-level min.insync.replicas cannot be altered while ELR is enabled.",
  ],
  "to delete the cluster's min.insync.replicas": [
    [BROKER, "", [["min.insync.replicas", DELETE, null]]],
    40,
    "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.",
  ],
  "a session timeout that is too short": [
    [GROUP, "g", [["consumer.session.timeout.ms", SET, "5"]]],
    40,
    "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive.",
  ],
  "a heartbeat interval that is too long": [
    [GROUP, "g", [["consumer.heartbeat.interval.ms", SET, "15001"]]],
    40,
    "consumer.heartbeat.interval.ms must be in the range 5000 to 15000 inclusive.",
  ],
  "an unknown config of a group": [
    [GROUP, "g", [["zap", SET, "5"]]],
    40,
    "Unknown group config name: zap",
  ],
  "a push interval out of bounds": [
    [METRICS, "m", [["interval.ms", SET, "5"]]],
    42,
    "Invalid value 5 for interval.ms, interval must be between 100 and 3600000 (1 hour)",
  ],
  "a match that is no pattern": [
    [METRICS, "m", [["match", SET, "client_id=["]]],
    40,
    "Illegal client matching pattern: client_id=[",
  ],
  "a match by what clients do not have": [
    [METRICS, "m", [["match", SET, "zap=x"]]],
    40,
    "Illegal client matching pattern: zap=x",
  ],
  "an unknown config of client metrics": [
    [METRICS, "m", [["zap", SET, "x"]]],
    42,
    "Unknown client metrics configuration: zap",
  ],
  "a logger": [[LOGGER, "3", [["root", SET, "INFO"]]], 40, "Logger root does not exist!"],
  "to append to a logger": [
    [LOGGER, "3", [["root", APPEND, "INFO"]]],
    42,
    "APPEND operation is not allowed for the BROKER_LOGGER resource",
  ],
});

Deno.test("a broker's log.retention.ms of 0, which would empty every topic that sets none, is refused as by Kafka", async () => {
  const { alter, catalogue } = await start();
  const message =
    "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1";
  for (const value of ["0", " 0 ", "-0"]) {
    const answer = await alter([[BROKER, "", [["log.retention.ms", SET, value]]]]);
    assertEquals(answer, [[42, message]], value);
  }
  assertEquals(catalogue.brokerConfigs("").get("log.retention.ms"), undefined);
  assertEquals(await alter([[BROKER, "", [["log.retention.ms", SET, "-1"]]]]), [[0, null]]);
  assertEquals(await alter([[BROKER, "", [["log.retention.ms", SET, "1"]]]]), [[0, null]]);
});
