/** Configs: those that cannot do what they say. */
import type { Cluster } from "../../client/cluster.ts";
import { DescribeConfigs } from "../../protocol/messages/describe_configs.ts";
import { counted } from "../counted.ts";
import { type Check, few, type Found } from "./finding.ts";
import type { Scene } from "./scene.ts";
import { partitionsOf, type SurveyedTopic } from "./survey.ts";

const TOPIC = 2, BROKER = 4, DEFAULT_SOURCE = 5, OF_TOPIC = 1;
const MAX_TOPICS = 2000;

const TOPIC_KEYS = ["min.insync.replicas", "cleanup.policy", "retention.ms", "retention.bytes"];
/** Topics that a cluster makes for itself: who needs more copies than there are brokers cannot be served. */
const OWN_TOPICS: readonly (readonly [topic: string, key: string, what: string])[] = [
  ["__consumer_offsets", "offsets.topic.replication.factor", "no group can commit"],
  ["__transaction_state", "transaction.state.log.replication.factor", "no transaction can begin"],
];

interface Value {
  readonly value: string | null;
  readonly source: number;
}
type Values = ReadonlyMap<string, Value>;

export const configsCheck: Check = {
  name: "configs",
  look: async (scene) => {
    const { cluster, survey: { topics, brokers } } = scene, found: Found[] = [];
    if (isOfThisMachine(scene)) {
      for (const warning of scene.parts.warnings) found.push({ severity: "note", what: warning });
    }
    const looked = topics.filter((one) => !one.isInternal).slice(0, MAX_TOPICS);
    const values = await describe(cluster, looked.map(({ name }) => name));
    found.push(...copiesFindings(looked, values, scene), ...retentionFindings(values, scene));
    for (const { id } of brokers.slice(0, 1)) {
      const own = await describeBroker(cluster, id);
      for (const [topic, key, what] of OWN_TOPICS) {
        const { value = null, source } = own.get(key) ?? {},
          isThere = topics.some(({ name }) => name === topic);
        // Runnel has its own whatever is said there.
        if (value === null || isThere || Number(value) <= brokers.length || isRunnel(scene)) {
          continue;
        }
        found.push({
          severity: source === DEFAULT_SOURCE ? "warning" : "error",
          what: `${key} = ${value}, and there ${
            brokers.length === 1 ? "is 1 broker" : `are ${brokers.length} brokers`
          }: ${what}`,
          command: `${key}=${brokers.length}  # in server.properties`,
        });
      }
    }
    const more = topics.filter((one) => !one.isInternal).length - looked.length;
    if (more > 0) {
      found.push({ severity: "unseen", what: `configs of ${counted(more, "more topic")}` });
    }
    return found;
  },
};

/** How many copies an acknowledgement promises, and how many there can be. */
function copiesFindings(
  topics: readonly SurveyedTopic[],
  values: ReadonlyMap<string, Values>,
  scene: Scene,
): Found[] {
  const found: Found[] = [], beyond: string[] = [];
  for (const topic of topics) {
    const least = Number(values.get(topic.name)?.get("min.insync.replicas")?.value ?? 1);
    const most = Math.max(0, ...topic.partitions.map(({ replicas }) => replicas.length));
    if (least > most && most > 0) beyond.push(topic.name);
    const starved = partitionsOf(
      [topic],
      ({ isr, replicas, leaderId }) =>
        leaderId >= 0 && isr.length < Math.min(least, replicas.length),
    );
    if (starved.length === 0) continue;
    found.push({
      severity: "error",
      what: `Producers with acks=all are refused by ${
        counted(starved.length, "partition")
      } of ${topic.name}`,
      evidence: `fewer copies are in sync than min.insync.replicas = ${least}`,
      command: scene.runnel(["topic", "describe"], [topic.name]),
    });
  }
  if (beyond.length > 0) {
    found.push({
      severity: "warning",
      what: `min.insync.replicas of ${
        few(beyond)
      } is more than there are replicas: acks=all promises fewer copies than it says`,
      command: scene.runnel(["config", "unset"], ["topic", beyond[0], "min.insync.replicas"]),
    });
  }
  return found;
}

/** Of what is never deleted by age. */
function retentionFindings(values: ReadonlyMap<string, Values>, scene: Scene): Found[] {
  return [...values].flatMap(([topic, configs]): Found[] => {
    if (configs.get("cleanup.policy")?.value !== "compact") return [];
    const idle = ["retention.ms", "retention.bytes"]
      .filter((key) => configs.get(key)?.source === OF_TOPIC);
    if (idle.length === 0) return [];
    return [{
      severity: "note",
      what: `${idle.join(" and ")} of ${topic} ${
        idle.length === 1 ? "does" : "do"
      } nothing: cleanup.policy is compact, which deletes no key for its age`,
      command: scene.runnel(["config", "set"], ["topic", topic, "cleanup.policy=compact,delete"]),
    }];
  });
}

async function describe(
  cluster: Cluster,
  names: readonly string[],
): Promise<Map<string, Values>> {
  if (names.length === 0) return new Map();
  const connection = await cluster.anyConnection();
  const { results } = await connection.request(
    DescribeConfigs,
    connection.versionFor(DescribeConfigs),
    {
      resources: names.map((resourceName) => ({
        resourceType: TOPIC,
        resourceName,
        configurationKeys: TOPIC_KEYS,
      })),
    },
  );
  return new Map(
    results.filter(({ errorCode }) => errorCode === 0)
      .map(({ resourceName, configs }) => [resourceName, valuesOf(configs)]),
  );
}

async function describeBroker(cluster: Cluster, id: number): Promise<Values> {
  const connection = await cluster.connectionTo(id);
  const { results: [result] } = await connection.request(
    DescribeConfigs,
    connection.versionFor(DescribeConfigs),
    {
      resources: [{
        resourceType: BROKER,
        resourceName: `${id}`,
        configurationKeys: OWN_TOPICS.map(([, key]) => key),
      }],
    },
  );
  return valuesOf(result.errorCode === 0 ? result.configs : []);
}

function valuesOf(
  configs: readonly { name: string; value: string | null; configSource: number }[],
): Values {
  return new Map(
    configs.map(({ name, value, configSource }) => [name, { value, source: configSource }]),
  );
}

function isRunnel({ parts: { http } }: Scene): boolean {
  return typeof http !== "string";
}

/** Whether the configuration that was read is about the broker that is looked at. */
function isOfThisMachine({ parts: { connection } }: Scene): boolean {
  return connection.length === 0;
}
