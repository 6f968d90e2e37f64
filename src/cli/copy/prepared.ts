/** Prepared: a topic of a copy that is there at the target, with its partitions opened. */
import { Admin } from "../../client/admin.ts";
import type { Cluster, Topic } from "../../client/cluster.ts";
import { KafkaError } from "../../client/errors.ts";
import { nameOf } from "../../client/group/partitions_by_topic.ts";
import type { Identity } from "../../client/partition_sender.ts";
import { newProducerId } from "../../client/producer_id.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { CompressionType } from "../../protocol/records/compression.ts";
import type { Kept, Ledger } from "./ledger.ts";
import { openedPartitions, RefusedError } from "./opening.ts";
import { type CopyTools, keptOf, type OpenedPartition, PartitionCopy } from "./partition_copy.ts";
import {
  differencesOf,
  isAsMade,
  limitsOf,
  makeTopic,
  type NamedTopic,
  recipeOf,
  type Tell,
  topicAt,
  type TopicRecipe,
} from "./topics.ts";

export interface Prepared {
  readonly named: NamedTopic;
  /** Of the topic at the target. */
  readonly targetId: Topic["id"];
  /** Of what this copy made; null: the topic was there. */
  readonly recipe: TopicRecipe | null;
  readonly maxBatchBytes: number;
  readonly partitions: PartitionCopy[];
  /** Why it is not copied any further. */
  failure: string | null;
}

export interface Preparing {
  readonly tools: CopyTools;
  readonly kept: ReadonlyMap<string, Kept>;
  readonly isAppending: boolean;
  readonly replicas: number | null;
  readonly compression: CompressionType | null;
  readonly tell: Tell;
}

export class Preparation {
  readonly #options: Preparing;
  #identity: Promise<Identity> | null = null;

  constructor(options: Preparing) {
    this.#options = options;
  }

  /** Throws RefusedError, KafkaError, ConnectionError. */
  async prepared(named: NamedTopic): Promise<Prepared> {
    const { tools, kept, replicas, tell } = this.#options, { source, target } = tools;
    const first = kept.get(nameOf({ topic: named.target, partition: 0 }));
    const recipe = await recipeOf(source, named.source.name);
    let topic = await topicAt(target, named.target), isMade = false;
    if (topic === null) {
      try {
        topic = await makeTopic(target, named, { recipe, replicas, tell });
        isMade = true;
      } catch (error) {
        if (!isDone(error, ErrorCode.TOPIC_ALREADY_EXISTS)) throw error;
        const admin = new Admin(target);
        topic = await target.retry(() => admin.describeTopic(named.target));
      }
    }
    if (isMade) {
      await keepMade(tools.ledger, await this.#opened(named.source, topic, true));
    } else if (first?.progress.isMade && first.progress.targetId === topic.id) {
      isMade = true;
      topic = await this.#asMeanwhile(named, topic, recipe);
    } else if (first === undefined && await isAsMade(target, topic, recipe)) {
      isMade = true;
      await keepMade(tools.ledger, await this.#opened(named.source, topic, true));
    } else {
      for (const text of await differencesOf(source, target, named)) {
        tell(`${named.target} is there already and is left as it is: ${text}`);
      }
    }
    if (topic.partitions.length > named.source.partitions.length) {
      tell(
        `${named.target} has ${topic.partitions.length} partitions, ${named.source.partitions.length} at the source: ` +
          "new records of a key may go to another one than those that are copied",
      );
    }
    let limits = await limitsOf(target, named.target);
    // A change of configs comes to a broker a moment after it is answered.
    for (let looks = 0; isMade && !limits.keepsTimestamps && looks < MAX_LOOKS; looks++) {
      await target.pause(LOOK_AGAIN_MS);
      limits = await limitsOf(target, named.target);
    }
    const { maxBatchBytes, keepsTimestamps } = limits;
    if (!keepsTimestamps) {
      throw new RefusedError(
        `${named.target} would give the records new timestamps: set message.timestamp.type=CreateTime there first ` +
          `(\`runnel topic alter ${named.target} --config message.timestamp.type=CreateTime\`)`,
      );
    }
    const opened = await this.#opened(named.source, topic, isMade);
    const { compression } = this.#options;
    return {
      named,
      targetId: topic.id,
      recipe: isMade ? recipe : null,
      maxBatchBytes,
      partitions: opened.map((one) =>
        new PartitionCopy(one, tools, { compression, maxBatchBytes })
      ),
      failure: null,
    };
  }

  /** Opens what the source's topic has got since, beside what is opened of it. */
  async grown(one: Prepared, source: Topic): Promise<void> {
    const { tools, compression } = this.#options, { target: name } = one.named;
    const had = one.partitions.length, isMade = one.recipe !== null;
    const added = { ...source, partitions: source.partitions.slice(had) };
    let topic = await new Admin(tools.target).describeTopic(name);
    if (topic.partitions.length < source.partitions.length && isMade) {
      topic = await grownTopic(tools.target, name, source.partitions.length);
    }
    if (topic.partitions.length < source.partitions.length) {
      throw new RefusedError(
        `${one.named.source.name} has ${source.partitions.length} partitions now, and ${name} ${topic.partitions.length}: ` +
          `\`runnel topic grow ${name} ${source.partitions.length}\` at the target, and copy again`,
      );
    }
    for (const opened of await this.#opened(added, topic, isMade)) {
      const { maxBatchBytes } = one;
      one.partitions.push(new PartitionCopy(opened, tools, { compression, maxBatchBytes }));
    }
  }

  async #asMeanwhile(named: NamedTopic, topic: Topic, recipe: TopicRecipe): Promise<Topic> {
    const { target } = this.#options.tools, wanted = named.source.partitions.length;
    await new Admin(target).alterConfigs({ type: "topic", name: named.target }, recipe.meanwhile);
    return topic.partitions.length < wanted
      ? await grownTopic(target, named.target, wanted)
      : topic;
  }

  async #opened(from: Topic, to: Topic, isMade: boolean) {
    const { tools: { source, target }, kept, isAppending } = this.#options;
    const identity = await this.#newIdentity();
    return await openedPartitions(source, target, {
      from,
      to,
      isMade,
      isAppending,
      kept,
      identity,
    });
  }

  /** One for all; asked for again once it could not be had. */
  #newIdentity(): Promise<Identity> {
    if (this.#identity !== null) return this.#identity;
    const asked = newProducerId(this.#options.tools.target);
    this.#identity = asked;
    asked.catch(() => {
      if (this.#identity === asked) this.#identity = null;
    });
    return asked;
  }
}

const MAX_LOOKS = 50;
const LOOK_AGAIN_MS = 100;

/** So that a later copy knows it for its own, also when nothing is copied before this one ends. */
async function keepMade(ledger: Ledger, opened: readonly OpenedPartition[]): Promise<void> {
  await Promise.all(
    opened.map((one) => ledger.write(one.to.topic, one.to.partition, keptOf(one))),
  );
}

/** What was to be made is there: by an earlier try that got no answer, or by a copy that is dead by now. */
function isDone(error: unknown, code: ErrorCode): boolean {
  return error instanceof KafkaError && error.code === code;
}

async function grownTopic(target: Cluster, name: string, count: number): Promise<Topic> {
  const admin = new Admin(target);
  try {
    await admin.createPartitions(name, count);
  } catch (error) {
    if (!isDone(error, ErrorCode.INVALID_PARTITIONS)) throw error;
    if ((await admin.describeTopic(name)).partitions.length < count) throw error;
  }
  return await target.retry(async () => {
    const topic = await admin.describeTopic(name);
    const isReady = topic.partitions.length >= count &&
      topic.partitions.every(({ leaderId }) => leaderId >= 0);
    if (isReady) return topic;
    throw new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE, `the partitions of ${name}`);
  });
}
