/** `runnel topic describe`: partitions with leader, replicas, offsets and bytes, and configs that somebody has set. */
import { Admin } from "../../client/admin.ts";
import { type ConfigEntry, describeTopicConfigs } from "../../client/admin_configs.ts";
import type { Cluster, Topic } from "../../client/cluster.ts";
import { listOffsets } from "../../client/list_offsets.ts";
import { logDirs } from "../../client/log_dirs.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { existingTopic } from "../existing_topic.ts";
import type { Output } from "../output.ts";

export const describeTopics: Run = (call) => {
  if (call.has("--all") === call.words.length > 0) {
    throw call.misused(call.has("--all") ? "--all is every TOPIC" : "needs TOPIC, or --all");
  }
  return connected(call, async ({ cluster, out }) => {
    const topics = await topicsOf(call, cluster), bytes = await bytesOf(cluster);
    for (let at = 0; at < topics.length; at += TOGETHER) {
      const told = await lookAt(cluster, topics.slice(at, at + TOGETHER), bytes);
      for (const [more, one] of told.entries()) print(out, one, at + more === 0);
    }
    return 0;
  });
};

/** So many are asked for at once. */
const TOGETHER = 1000;

/** In the order asked. Throws ConfigError for one that is not there. */
async function topicsOf(call: Call, cluster: Cluster): Promise<Topic[]> {
  if (call.has("--all")) return await new Admin(cluster).listTopics({ includeInternal: true });
  await cluster.retry(() => cluster.topics(call.words)); // so that each is known already
  const topics: Topic[] = [];
  for (const name of call.words) topics.push(await existingTopic(cluster, name));
  return topics;
}

interface Told {
  readonly topic: Topic;
  /** Which somebody has set. */
  readonly configs: readonly ConfigEntry[];
  /** By partition. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** Null where the leader does not tell. */
  readonly bytes: readonly (number | null)[];
}

/** Of every replica, by "node topic-partition". */
async function bytesOf(cluster: Cluster): Promise<ReadonlyMap<string, number>> {
  const sizes = await logDirs(cluster);
  return new Map(sizes.map((one) => [`${one.nodeId} ${one.topic}-${one.partition}`, one.bytes]));
}

async function lookAt(
  cluster: Cluster,
  topics: readonly Topic[],
  bytes: ReadonlyMap<string, number>,
): Promise<Told[]> {
  const offsets = async (at: "earliest" | "latest") => {
    const asked = topics.flatMap(({ name, partitions }) =>
      partitions.map(({ index }) => ({ topic: name, partition: index, at }))
    );
    return (await listOffsets(cluster, asked)).values();
  };
  const [configs, starts, ends] = await Promise.all([
    describeTopicConfigs(cluster, topics.map(({ name }) => name)),
    offsets("earliest"),
    offsets("latest"),
  ]);
  return topics.map((topic, at) => ({
    topic,
    configs: configs[at].filter(({ isDefault }) => !isDefault),
    starts: topic.partitions.map(() => starts.next().value!.offset),
    ends: topic.partitions.map(() => ends.next().value!.offset),
    bytes: topic.partitions.map(({ index, leaderId }) =>
      bytes.get(`${leaderId} ${topic.name}-${index}`) ?? null
    ),
  }));
}

function print(out: Output, { topic, configs, starts, ends, bytes }: Told, isFirst: boolean): void {
  const { name, id, isInternal, partitions } = topic;
  const leaderOf = (leaderId: number) => leaderId < 0 ? null : leaderId;
  if (out.isJson) {
    out.json({
      name,
      id,
      isInternal,
      configs: Object.fromEntries(configs.map(({ name, value }) => [name, value])),
      partitions: partitions.map(({ index, leaderId, replicas, isr }, at) => ({
        partition: index,
        leader: leaderOf(leaderId),
        replicas,
        isr,
        start: starts[at],
        end: ends[at],
        bytes: bytes[at],
      })),
    });
    return;
  }
  if (!isFirst) out.line();
  out.line(`Topic ${name}, ${id}`);
  for (const { name, value } of configs) out.line(`  ${name} = ${value ?? "(hidden)"}`);
  out.table(
    ["partition", "leader", "replicas", "isr", "start", "end", "bytes"],
    partitions.map(({ index, leaderId, replicas, isr }, at) => [
      index,
      leaderOf(leaderId),
      replicas.join(","),
      isr.join(","),
      starts[at],
      ends[at],
      bytes[at],
    ]),
  );
}
