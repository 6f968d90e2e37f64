/**
 * Rounds: what a copy does again and again: find where the source's partitions end now, and copy up to there, several
 * partitions at a time. What fails for a topic ends that topic alone.
 */
import { Admin } from "../../client/admin.ts";
import { ConnectionError, KafkaError, TransactionError } from "../../client/errors.ts";
import { listOffsets } from "../../client/list_offsets.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { plainLine } from "../error_line.ts";
import { TakenOverError } from "./ledger.ts";
import type { CopyTools, PartitionCopy } from "./partition_copy.ts";
import type { Preparation, Prepared } from "./prepared.ts";
import { several } from "./several.ts";
import type { Tell } from "./topics.ts";

export class Rounds {
  readonly #tools: CopyTools;
  readonly #topics: readonly Prepared[];
  readonly #tell: Tell;
  readonly #ends = new Map<PartitionCopy, { readonly start: number; end: number }>();
  readonly #lost = new Map<PartitionCopy, number>();

  constructor(tools: CopyTools, topics: readonly Prepared[], tell: Tell) {
    this.#tools = tools;
    this.#topics = topics;
    this.#tell = tell;
  }

  /** Whether everything of a topic up to where the source ended at the last round is there. */
  isDone({ partitions, failure }: Prepared): boolean {
    return failure === null &&
      partitions.every((one) => one.position >= (this.#ends.get(one)?.end ?? Infinity));
  }

  progress(): { done: number; total: number; records: number; bytes: number } {
    let done = 0, total = 0, records = 0, bytes = 0;
    for (const { partitions } of this.#topics) {
      for (const one of partitions) {
        const { start = 0, end = 0 } = this.#ends.get(one) ?? {};
        total += end - start;
        done += Math.min(one.position, end) - Math.min(start, end);
        records += one.records;
        bytes += one.bytes;
      }
    }
    return { done, total, records, bytes };
  }

  /** Throws what ends the copy as a whole: TakenOverError, TransactionError. */
  async round(): Promise<void> {
    await several(
      this.#topics,
      WORKERS,
      (topic) => this.#guarded(topic, () => this.#look(topic)),
    );
    const queue = this.#topics.flatMap((topic) =>
      topic.partitions.map((partition) => ({ topic, partition }))
    ).filter(({ partition }) => partition.position < (this.#ends.get(partition)?.end ?? 0));
    await several(queue, WORKERS, async ({ topic, partition }, worker) => {
      const { end } = this.#ends.get(partition)!;
      if (this.#tools.isStopped() || topic.failure !== null) return;
      await this.#guarded(topic, () => partition.copyTo(end, `copy-${worker}`));
      this.#tellLost(partition);
    });
  }

  /** Takes up partitions that the source has got since, or tells of them. */
  async grow(preparation: Preparation | null): Promise<void> {
    await several(this.#topics, WORKERS, async (topic) => {
      if (topic.failure !== null || this.#tools.isStopped()) return;
      const { name } = topic.named.source;
      await this.#guarded(topic, async () => {
        const { source } = this.#tools;
        const now = await source.retry(() => new Admin(source).describeTopic(name), {
          timeoutMs: LOOK_MS,
        });
        const [had, has] = [topic.partitions.length, now.partitions.length];
        if (has <= had || now.id !== topic.named.source.id) return;
        if (preparation !== null) await preparation.grown(topic, now);
        else this.#tell(`${name} has ${has} partitions now, ${had} were copied: copy again`);
      });
    });
  }

  async #look({ partitions, failure }: Prepared): Promise<void> {
    if (failure !== null) return;
    const asked = partitions.map(({ opened: { from } }) => ({ ...from, at: "latest" as const }));
    const ends = await listOffsets(this.#tools.source, asked, {
      isolation: "readCommitted",
      timeoutMs: LOOK_MS,
    });
    for (const [at, partition] of partitions.entries()) {
      const end = ends[at].offset, known = this.#ends.get(partition);
      if (known === undefined) this.#ends.set(partition, { start: partition.position, end });
      else known.end = Math.max(known.end, end);
    }
  }

  async #guarded(topic: Prepared, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof TakenOverError || error instanceof TransactionError) throw error;
      if (!(error instanceof Error)) throw error;
      const line = failureLine(error);
      if (line === null) throw error;
      if (topic.failure !== null) return; // another partition of it said so already
      topic.failure = line;
      this.#tell(`${topic.named.source.name} is not copied any further: ${line}`);
    }
  }

  #tellLost(partition: PartitionCopy): void {
    const more = partition.lost - (this.#lost.get(partition) ?? 0);
    if (more === 0) return;
    this.#lost.set(partition, partition.lost);
    this.#tell(`${partition.name}: the source deleted ${more} offsets before they were copied`);
  }
}

/** What went wrong with one topic, in words; null for what nobody foresaw. */
export function failureLine(error: Error): string | null {
  if (error instanceof KafkaError && error.code === ErrorCode.MESSAGE_TOO_LARGE) {
    return `${error.message} Raise max.message.bytes of the target's topic, and copy again`;
  }
  if (error instanceof KafkaError || error instanceof ConnectionError) return error.message;
  return TOLD.has(error.name) ? error.message : plainLine(error);
}

const TOLD: ReadonlySet<string> = new Set(["MisplacedError", "RefusedError", "TopicGoneError"]);
/** How long a broker may be away when it is asked where partitions end. */
const LOOK_MS = 30_000;
/** Partitions that are copied at a time. */
const WORKERS = 8;
