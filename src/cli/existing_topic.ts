/** existingTopic: a topic that a command needs, as the cluster has it, or what to do where there is none. */
import type { Cluster, Topic } from "../client/cluster.ts";
import { KafkaError } from "../client/errors.ts";
import { ConfigError } from "../config/load.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { runnelLine } from "./shell_words.ts";

/** Throws ConfigError when there is none, KafkaError. */
export async function existingTopic(cluster: Cluster, name: string): Promise<Topic> {
  try {
    return await cluster.retry(() => cluster.topic(name), { topic: name, timeoutMs: NEW_TOPIC_MS });
  } catch (error) {
    const isUnknown = error instanceof KafkaError &&
      error.code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (!isUnknown) throw error;
    const create = runnelLine(["topic", "create"], [name]);
    throw new ConfigError(
      `There is no topic ${name}: \`runnel topic list\` shows those that this user may see, \`${create}\` makes it`,
    );
  }
}

/** How long a topic is looked for: it may have been made a moment ago. */
const NEW_TOPIC_MS = 1000;
