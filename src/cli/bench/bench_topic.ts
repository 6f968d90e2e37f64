/**
 * The topic of a bench: one that is there, or one that is made for it. Only what was made for this run and was given no
 * name is deleted behind it.
 */
import { Admin } from "../../client/admin.ts";
import type { Cluster } from "../../client/cluster.ts";
import { KafkaError } from "../../client/errors.ts";
import { ConfigError } from "../../config/load.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { clientErrorLine } from "../client_error_line.ts";
import type { Call } from "../call.ts";
import { type Connected, connected } from "../connected.ts";
import { existingTopic } from "../existing_topic.ts";
import { Interrupt } from "../interrupt.ts";

interface TopicWish {
  /** "": one is made. */
  readonly name: string;
  readonly isCreated: boolean;
  readonly isKept: boolean;
  /** Of one that is made; null: 1. */
  readonly partitions: number | null;
}

/** Of --create, --keep, --partitions and the name. */
function topicWishOf(call: Call): TopicWish {
  const [name = ""] = call.words, isCreated = call.has("--create"), isKept = call.has("--keep");
  const partitions = call.whole("--partitions", { min: 1, max: 10_000 });
  if (name === "" && isCreated) throw call.misused("--create needs the name of the topic");
  if (name !== "" && isKept) {
    throw call.misused(`--keep: ${name} has a name, so it stays in any case`);
  }
  if (name !== "" && !isCreated && partitions !== null) {
    throw call.misused(
      `--partitions ${partitions}: ${name} has those it has, unless --create makes it`,
    );
  }
  return { name, isCreated, isKept, partitions };
}

export interface BenchTopic {
  readonly name: string;
  readonly partitions: number;
}

/** A bench by a topic: `run` is given what it is to do, and Ctrl-C. */
export function onTopicOf<Plan>(
  call: Call,
  planOf: (call: Call) => Plan,
  run: (c: Connected, topic: BenchTopic, plan: Plan, interrupt: Interrupt) => Promise<number>,
): Promise<number> {
  const wish = topicWishOf(call), plan = planOf(call);
  return connected(call, async (connected) => {
    using interrupt = new Interrupt();
    return await onTopic(
      connected.cluster,
      wish,
      (topic) => run(connected, topic, plan, interrupt),
    );
  });
}

/** Throws ConfigError where there is no such topic, KafkaError. */
async function onTopic(
  cluster: Cluster,
  { name, isCreated, isKept, partitions }: TopicWish,
  work: (topic: BenchTopic) => Promise<number>,
): Promise<number> {
  if (name !== "") {
    if (isCreated) await create(cluster, name, partitions);
    return await work(await found(cluster, name));
  }
  const own = `runnel-bench-${crypto.randomUUID().slice(-12)}`;
  await create(cluster, own, partitions);
  try {
    return await work(await found(cluster, own));
  } finally {
    if (isKept) console.error(`The records are in ${own}.`);
    else await remove(cluster, own);
  }
}

async function create(cluster: Cluster, name: string, partitions: number | null): Promise<void> {
  try {
    await new Admin(cluster).createTopics([{ name, partitions: partitions ?? 1 }]);
  } catch (error) {
    const isThere = error instanceof KafkaError && error.code === ErrorCode.TOPIC_ALREADY_EXISTS;
    if (!isThere) throw error;
    const count = (await existingTopic(cluster, name)).partitions.length;
    if (partitions !== null && partitions !== count) {
      throw new ConfigError(`--partitions ${partitions}: ${name} is there, with ${count}`);
    }
  }
}

/** Once it has leaders. */
async function found(cluster: Cluster, name: string): Promise<BenchTopic> {
  const { partitions: { length } } = await existingTopic(cluster, name);
  for (let index = 0; index < length; index++) {
    await cluster.retry(() => cluster.leader(name, index), { topic: name });
  }
  return { name, partitions: length };
}

async function remove(cluster: Cluster, name: string): Promise<void> {
  const late = setTimeout(() => cluster.close(), REMOVAL_MS);
  try {
    await new Admin(cluster).deleteTopics([name], { timeoutMs: REMOVAL_MS });
  } catch (error) {
    console.error(
      `runnel: ${name} was made for this and is still there: ${
        clientErrorLine(error as Error)
      } (\`runnel topic delete ${name}\`)`,
    );
  } finally {
    clearTimeout(late);
  }
}

/** How long a broker may take for it. */
const REMOVAL_MS = 5000;
