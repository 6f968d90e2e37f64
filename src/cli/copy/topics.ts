/**
 * Topics of a copy: which of the source, under which names at the target, and how they are made there: with the configs
 * that are set at the source, as far as the target takes them.
 */
import { Admin, type ConfigEntry } from "../../client/admin.ts";
import type { Cluster, Topic } from "../../client/cluster.ts";
import { KafkaError } from "../../client/errors.ts";
import { listOffsets } from "../../client/list_offsets.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { ConfigError } from "../../config/load.ts";

/** One topic and what it is called at the target. */
export interface NamedTopic {
  readonly source: Topic;
  readonly target: string;
}

/** What somebody should know of a topic. */
export type Tell = (text: string) => void;

export interface Selection {
  readonly names: readonly string[];
  /** Whose name is meant as well; null: of those alone. */
  readonly matches: ((name: string) => boolean) | null;
  readonly renames: ReadonlyMap<string, string>;
  readonly prefix: string;
}

/** Sorted by name. Throws ConfigError where there is none of a name, or two would become one. */
export async function selectedTopics(source: Cluster, selection: Selection): Promise<NamedTopic[]> {
  const { names, matches, renames, prefix } = selection;
  const all = new Map((await source.retry(() => source.topics())).map((one) => [one.name, one]));
  const chosen = new Map<string, Topic>();
  for (const name of names) {
    const topic = all.get(name);
    if (topic === undefined) {
      throw new ConfigError(`There is no topic ${name} at the source that this user may see`);
    }
    if (topic.isInternal) {
      throw new ConfigError(
        `${name} is Kafka's own: what groups have committed is copied with the topics it is about`,
      );
    }
    chosen.set(name, topic);
  }
  for (const [name, topic] of all) {
    if (matches !== null && !topic.isInternal && matches(name)) chosen.set(name, topic);
  }
  for (const name of renames.keys()) {
    if (!chosen.has(name)) throw new ConfigError(`--rename ${name}: that topic is not copied`);
  }
  const sources = new Map<string, string>();
  return [...chosen.values()].sort((a, b) => a.name < b.name ? -1 : 1).map((topic) => {
    const target = renames.get(topic.name) ?? prefix + topic.name, other = sources.get(target);
    if (other !== undefined) {
      throw new ConfigError(`${other} and ${topic.name} would both become ${target}`);
    }
    sources.set(target, topic.name);
    return { source: topic, target };
  });
}

/** The topic as a broker has it now; null where there is none. Throws KafkaError for anything else. */
export async function topicAt(cluster: Cluster, name: string): Promise<Topic | null> {
  try {
    return await cluster.retry(() => new Admin(cluster).describeTopic(name), { timeoutMs: 0 });
  } catch (error) {
    if (error instanceof KafkaError && error.code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
      return null;
    }
    throw error;
  }
}

/** How a topic is to be made. */
export interface TopicRecipe {
  readonly configs: Readonly<Record<string, string>>;
  /** What it has beside them only while it is copied. */
  readonly meanwhile: Readonly<Record<string, string>>;
}

/** From what is set at the source. */
export async function recipeOf(source: Cluster, topic: string): Promise<TopicRecipe> {
  const entries = await configsOf(source, topic);
  const configs: Record<string, string> = {};
  for (const { name, value, source: setBy } of entries) {
    if (setBy === "topic" && value !== null && !BOUND_TO_BROKERS.has(name)) configs[name] = value;
  }
  // What a batch may be there is no secret of the topic: the broker may have said it for all.
  const largest = entries.find(({ name }) => name === LARGEST)?.value;
  if (largest && Number(largest) > DEFAULT_LARGEST) configs[LARGEST] ??= largest;
  return { configs, meanwhile: MEANWHILE };
}

/** Makes it. What the target refuses of the configs is told and left out. Throws KafkaError. */
export async function makeTopic(
  target: Cluster,
  { source, target: name }: NamedTopic,
  { recipe, replicas, tell }: {
    readonly recipe: TopicRecipe;
    /** null: as the target has it. */
    readonly replicas: number | null;
    readonly tell: Tell;
  },
): Promise<Topic> {
  const admin = new Admin(target), partitions = source.partitions.length;
  const shape = { name, partitions, ...replicas === null ? {} : { replicationFactor: replicas } };
  const wanted = { ...recipe.configs, ...recipe.meanwhile };
  try {
    await admin.createTopics([{ ...shape, configs: wanted }]);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const taken: Record<string, string> = {};
    for (const [config, value] of Object.entries(wanted)) {
      const why = await refusalOf(admin, { ...shape, configs: { [config]: value } });
      if (why === null) taken[config] = value;
      else if (Object.hasOwn(recipe.configs, config)) {
        tell(`${name}: the target does not take ${config}=${recipe.configs[config]}: ${why}`);
      }
    }
    await admin.createTopics([{ ...shape, configs: taken }]);
  }
  const topic = await target.retry(async () => {
    const made = await admin.describeTopic(name);
    if (made.partitions.some(({ leaderId }) => leaderId < 0)) {
      throw new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE, `topic ${name}`);
    }
    return made;
  }, { timeoutMs: MADE_MS });
  const needed = Number(recipe.configs[IN_SYNC] ?? 1);
  const [{ replicas: got }] = topic.partitions;
  if (needed > got.length) {
    await admin.alterConfigs({ type: "topic", name }, { [IN_SYNC]: null });
    tell(`${name}: ${IN_SYNC}=${needed} is left out, since the target keeps ${got.length} of each`);
  }
  return topic;
}

/** Gives a topic that was made for this what it is to have from now on; one that somebody made in its place keeps its own. */
export async function finishTopic(
  target: Cluster,
  { name, id }: Pick<Topic, "name" | "id">,
  { configs }: TopicRecipe,
): Promise<void> {
  if ((await topicAt(target, name))?.id !== id) return;
  const final = Object.fromEntries(
    Object.keys(MEANWHILE).map((config) => [config, configs[config] ?? null]),
  );
  await new Admin(target).alterConfigs({ type: "topic", name }, final);
}

/**
 * Whether a topic is as makeTopic() leaves it, nothing ever written to it: then a copy made it that ended before it could
 * keep that, or somebody did the same, and it may be treated as made for this one.
 */
export async function isAsMade(
  target: Cluster,
  { name, partitions }: Topic,
  { configs, meanwhile }: TopicRecipe,
): Promise<boolean> {
  const wanted = new Map(Object.entries({ ...configs, ...meanwhile }));
  const set = (await configsOf(target, name)).filter(({ source }) => source === "topic");
  if (set.length !== wanted.size) return false;
  if (set.some((one) => wanted.get(one.name) !== one.value)) return false;
  const asked = partitions.map(({ index: partition }) => ({ topic: name, partition }));
  const ends = await listOffsets(target, asked.map((one) => ({ ...one, at: "latest" })));
  return ends.every(({ offset }) => offset === 0);
}

/** How the configs of a topic that was there differ from those of the source, in words. */
export async function differencesOf(
  source: Cluster,
  target: Cluster,
  { source: { name }, target: other }: NamedTopic,
): Promise<string[]> {
  const [ours, theirs] = [await configsOf(source, name), await configsOf(target, other)];
  const has = new Map(theirs.map((one) => [one.name, one.value]));
  return ours.filter((one) => one.source === "topic" && !BOUND_TO_BROKERS.has(one.name))
    .filter((one) => has.get(one.name) !== one.value)
    .map((one) => `${one.name} is ${has.get(one.name) ?? "not known"}, ${one.value} at the source`);
}

/** What the target takes: how large a batch, and whether it leaves timestamps as they are. */
export async function limitsOf(
  target: Cluster,
  name: string,
): Promise<{ readonly maxBatchBytes: number; readonly keepsTimestamps: boolean }> {
  const configs = new Map(
    (await configsOf(target, name)).map((one) => [one.name, one.value]),
  );
  return {
    maxBatchBytes: Number(configs.get(LARGEST) ?? DEFAULT_LARGEST),
    keepsTimestamps: configs.get(TIMESTAMPS) !== "LogAppendTime",
  };
}

async function configsOf(cluster: Cluster, name: string): Promise<ConfigEntry[]> {
  return await new Admin(cluster).describeConfigs({ type: "topic", name });
}

async function refusalOf(
  admin: Admin,
  topic: Parameters<Admin["createTopics"]>[0][number],
): Promise<string | null> {
  try {
    await admin.createTopics([topic], { validateOnly: true });
    return null;
  } catch (error) {
    if (isRefusal(error)) return error.message;
    throw error;
  }
}

function isRefusal(error: unknown): error is KafkaError {
  return error instanceof KafkaError &&
    (error.code === ErrorCode.INVALID_CONFIG || error.code === ErrorCode.INVALID_REQUEST);
}

const LARGEST = "max.message.bytes", IN_SYNC = "min.insync.replicas";
const TIMESTAMPS = "message.timestamp.type";
/** Kafka's, since 2.5. */
const DEFAULT_LARGEST = 1_048_588;
/** So that records keep the timestamps they have, whatever those are. */
const MEANWHILE: Readonly<Record<string, string>> = {
  [TIMESTAMPS]: "CreateTime",
  "message.timestamp.before.max.ms": "9223372036854775807",
  "message.timestamp.after.max.ms": "9223372036854775807",
};
/** They name brokers of the source. */
const BOUND_TO_BROKERS: ReadonlySet<string> = new Set([
  "leader.replication.throttled.replicas",
  "follower.replication.throttled.replicas",
]);
const MADE_MS = 30_000;
