/**
 * TransactionPlayer: asks a broker what a scenario asks, over the wire, and keeps question and answer in words that fit
 * any broker: names without their suffix, producer ids by the order in which they were seen, no times, no addresses.
 *
 * What depends on how fast a broker is, is left out: a request that may meet a transaction which is still being ended is
 * asked again until it does not (`settled`), and only the last answer is kept.
 */
import type { Uuid } from "../../../src/bytes/uuid.ts";
import { Admin } from "../../../src/client/admin.ts";
import { Connection } from "../../../src/client/connection.ts";
import { DescribeTransactions } from "../../../src/protocol/messages/describe_transactions.ts";
import { Fetch } from "../../../src/protocol/messages/fetch.ts";
import { FindCoordinator } from "../../../src/protocol/messages/find_coordinator.ts";
import { ListOffsets } from "../../../src/protocol/messages/list_offsets.ts";
import { UpdateFeatures } from "../../../src/protocol/messages/update_features.ts";
import * as batch from "../../../src/protocol/records/batch.ts";
import { readRecords } from "../../../src/protocol/records/record.ts";
import type { Api, Decoded, Encodable, Fields, Message } from "../../../src/protocol/schema.ts";

/** One question and its answer. */
export interface Asked {
  readonly asked: string;
  readonly answer: unknown;
}

export type Transcript = Asked[];

export interface Scenario {
  /** The finalised transaction.version it is played under; 2 if not given. */
  readonly level?: 0 | 1 | 2;
  /** Tens of thousands of requests. */
  readonly isLong?: boolean;
  readonly play: (player: TransactionPlayer) => Promise<void>;
}

export type Scenarios = Readonly<Record<string, Scenario>>;

export interface PlayerOptions {
  /** host:port */
  readonly bootstrap: string;
  /** Makes names of this player unlike those of any other. */
  readonly suffix: string;
}

export class TransactionPlayer {
  readonly transcript: Transcript = [];
  readonly #options: PlayerOptions;
  readonly #producerIds = new Map<number, string>();
  readonly #topicIds = new Map<string, Uuid>();
  readonly #topicNames = new Map<Uuid, string>();
  readonly admin: Admin;
  #connection: Connection | null = null;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.admin = new Admin({ bootstrap: options.bootstrap });
  }

  /** A topic, group or transactional id as the broker knows it. */
  name(short: string): string {
    return `${short}${this.#options.suffix}`;
  }

  idOf(topic: string): Uuid {
    return this.#topicIds.get(topic)!;
  }

  async topic(short: string, partitions = 3, configs: Record<string, string> = {}): Promise<void> {
    await this.admin.createTopics([{ name: this.name(short), partitions, configs }]);
    for (;; await pause(50)) {
      const found = await this.admin.describeTopic(this.name(short)).catch(() => null);
      if (found?.partitions.length !== partitions) continue;
      this.#topicIds.set(short, found.id);
      this.#topicNames.set(found.id, short);
      break;
    }
    await this.#served(short, partitions);
  }

  /** Kafka tells of a topic before its partitions are there. */
  async #served(short: string, partitions: number): Promise<void> {
    for (;; await pause(20)) {
      const { topics: [topic] } = await this.#send(ListOffsets, 7, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{
          name: this.name(short),
          partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
            partitionIndex,
            timestamp: -1,
          })),
        }],
      });
      if (topic.partitions.every(({ errorCode }) => errorCode === 0)) return;
    }
  }

  /** Waits until there is a coordinator for the id (keyType 1) or the group (0). */
  async coordinated(short: string, keyType = 1): Promise<void> {
    for (;; await pause(50)) {
      const keys = { keyType, coordinatorKeys: [this.name(short)] };
      const { coordinators: [found] } = await this.#send(FindCoordinator, 4, keys);
      if (found.errorCode !== 0) continue;
      if (keyType !== 1) return;
      const ids = { transactionalIds: [this.name(short)] };
      const { transactionStates: [state] } = await this.#send(DescribeTransactions, 0, ids);
      if (!TRANSIENT.has(state.errorCode)) return;
    }
  }

  /** Asks, and keeps both. `note` says what was asked where the body does not. Null: the broker closed the connection. */
  async ask<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    body: Encodable<Message<Q>>,
    note?: string,
  ): Promise<Decoded<Message<R>> | null> {
    const answer = await this.#sendOrClosed(api, version, body);
    this.#keep(`${api.name} v${version} ${note ?? this.#words(body)}`, answer);
    return answer;
  }

  /** As `ask`, but for as long as the answer has an error that passes by itself: 14, 15, 16, 51 and the like. */
  async settled<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    body: Encodable<Message<Q>>,
    note?: string,
  ): Promise<Decoded<Message<R>> | null> {
    const deadlineMs = performance.now() + SETTLE_LIMIT_MS;
    let answer = await this.#sendOrClosed(api, version, body);
    while (
      answer !== null && codesIn(answer).some((code) => TRANSIENT.has(code) || code === 51) &&
      performance.now() < deadlineMs
    ) {
      await pause(20);
      answer = await this.#sendOrClosed(api, version, body);
    }
    this.#keep(`${api.name} v${version} ${note ?? this.#words(body)}`, answer);
    return answer;
  }

  /** Sends many requests without waiting for the one before, and keeps the last answer only. */
  async flood<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    bodies: readonly Encodable<Message<Q>>[],
    note: string,
  ): Promise<Decoded<Message<R>>> {
    let last: Decoded<Message<R>> | null = null;
    for (let i = 0; i < bodies.length; i += 200) {
      const some = bodies.slice(i, i + 200).map((body) => this.#send(api, version, body));
      last = (await Promise.all(some)).at(-1)!;
    }
    this.#keep(`${api.name} v${version} ${bodies.length} times: ${note}`, last);
    return last!;
  }

  /** Waits until the transaction is not being prepared any more; its state is kept. */
  async ended(short: string, until: readonly string[] = ENDED, limitMs = SETTLE_LIMIT_MS): Promise<void> {
    const deadlineMs = performance.now() + limitMs;
    for (;; await pause(20)) {
      const body = { transactionalIds: [this.name(short)] };
      const answer = await this.#send(DescribeTransactions, 0, body);
      const state = answer.transactionStates[0].transactionState;
      if (!until.includes(state) && performance.now() < deadlineMs) continue;
      return this.#keep(`until it has ended: ${short}`, answer);
    }
  }

  /** Keeps what a partition consists of, as batches, and what a read_committed reader is told. */
  async log(topic: string, partition = 0): Promise<void> {
    const read = async (isolationLevel: number) => {
      const partitions = [{ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 }];
      const { responses } = await this.#send(Fetch, 12, {
        maxWaitMs: 0,
        minBytes: 0,
        isolationLevel,
        topics: [{ topic: this.name(topic), partitions }],
      });
      return responses[0].partitions[0];
    };
    const all = await read(0), committed = await read(1);
    const batches = all.records === null ? [] : [...this.#batchesOf(all.records)];
    this.#keep(`log of ${topic}-${partition}`, {
      batches,
      highWatermark: all.highWatermark,
      lastStableOffset: committed.lastStableOffset,
      aborted: committed.abortedTransactions?.map(({ producerId, firstOffset }) =>
        `${this.#producer(producerId)} from ${firstOffset}`
      ) ?? null,
    });
  }

  /** Finalises another transaction.version; nothing is kept of it. */
  async level(version: number): Promise<void> {
    const { finalized } = await this.#transactionVersion();
    if (finalized === version) return;
    const connection = await this.#connected();
    const answer = await connection.request(UpdateFeatures, 1, {
      timeoutMs: 10_000,
      featureUpdates: [{
        feature: "transaction.version",
        maxVersionLevel: version,
        upgradeType: version > finalized ? 1 : 2,
      }],
      validateOnly: false,
    });
    if (answer.errorCode !== 0) {
      throw new Error(
        `transaction.version ${version}: error ${answer.errorCode}, ${answer.errorMessage}`,
      );
    }
    while ((await this.#transactionVersion()).finalized !== version) await pause(50);
  }

  /** The next requests go over a connection of their own. */
  reconnect(): void {
    this.#connection?.close();
    this.#connection = null;
  }

  async close(): Promise<void> {
    this.#connection?.close();
    await this.admin.close();
  }

  async #transactionVersion(): Promise<{ finalized: number }> {
    const { ApiVersions } = await import("../../../src/protocol/messages/api_versions.ts");
    const answer = await this.#send(ApiVersions, 4, {
      clientSoftwareName: "transcripts",
      clientSoftwareVersion: "1",
    });
    const feature = answer.finalizedFeatures?.find(({ name }) => name === "transaction.version");
    return { finalized: feature?.maxVersionLevel ?? 0 };
  }

  async #connected(): Promise<Connection> {
    if (this.#connection === null || this.#connection.isClosed) {
      const [host, port] = this.#options.bootstrap.split(":");
      this.#connection = await Connection.open({ host, port: Number(port), clientId: "transcripts" });
    }
    return this.#connection;
  }

  async #send<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    body: Encodable<Message<Q>>,
  ): Promise<Decoded<Message<R>>> {
    return await (await this.#connected()).request(api, version, body);
  }

  async #sendOrClosed<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    body: Encodable<Message<Q>>,
  ): Promise<Decoded<Message<R>> | null> {
    const connection = await this.#connected();
    try {
      return await connection.request(api, version, body);
    } catch (error) {
      if (connection.isClosed) return null;
      throw error;
    }
  }

  #keep(asked: string, answer: unknown): void {
    this.transcript.push({ asked, answer: answer === null ? "closed" : this.#plain(answer) });
  }

  /** A request in one line. */
  #words(body: unknown): string {
    return JSON.stringify(this.#plain(body)).replaceAll('"', "");
  }

  #plain(value: unknown, name = ""): unknown {
    if (typeof value === "string") return this.#short(value);
    if (typeof value === "bigint") return Number(value);
    if (typeof value === "number") return this.#plainNumber(value, name);
    if (value instanceof Uint8Array) return `${value.length} bytes`;
    if (Array.isArray(value)) {
      const plain = value.map((one) => this.#plain(one, name));
      return name === "batches" ? plain : this.#sorted(plain);
    }
    if (value === null || typeof value !== "object") return value;
    const kept = Object.entries(value).filter(([name]) => !LEFT_OUT.has(name));
    // Which partition a group's offsets are in depends on its name, which each player has its own of.
    if ((value as { topic?: string }).topic === "__consumer_offsets") return "__consumer_offsets";
    // An answer with an error has no producer, whatever number stands there.
    const isError = ((value as { errorCode?: number }).errorCode ?? 0) !== 0;
    return Object.fromEntries(kept.map(([name, one]) => {
      return [name, isError && typeof one === "number" ? one : this.#plain(one, name)];
    }));
  }

  #plainNumber(value: number, name: string): unknown {
    if (PRODUCER_IDS.has(name)) return this.#producer(value);
    return TIMES.has(name) && value >= 0 ? "a time" : value;
  }

  /** Lists of topics, partitions and states have no order that would mean anything. */
  #sorted(list: unknown[]): unknown[] {
    return list.toSorted((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  }

  #short(text: string): string {
    const topic = this.#topicNames.get(text as Uuid);
    if (topic !== undefined) return `id of ${topic}`;
    return text.replaceAll(this.#options.suffix, "");
  }

  #producer(id: number): string | number {
    if (id < 0 || MADE_UP.has(id)) return id;
    let name = this.#producerIds.get(id);
    if (name === undefined) this.#producerIds.set(id, name = `p${this.#producerIds.size + 1}`);
    return name;
  }

  *#batchesOf(bytes: Uint8Array): Generator<string> {
    for (const at of batch.batches(bytes)) {
      const producer = `${this.#producer(batch.producerId(bytes, at))} e${batch.producerEpoch(bytes, at)}`;
      const offset = batch.baseOffset(bytes, at);
      if (batch.isControl(bytes, at)) {
        const [record] = readRecords(bytes, at);
        const kind = record.key![3] === 1 ? "commit" : "abort";
        yield `${offset}: ${kind} of ${producer}`;
      } else {
        const kind = batch.isTransactional(bytes, at) ? "transactional" : "plain";
        yield `${offset}: ${batch.recordCount(bytes, at)} ${kind} of ${producer} s${
          batch.baseSequence(bytes, at)
        }`;
      }
    }
  }
}

/** Every error code of an answer, in order. */
function codesIn(answer: unknown): number[] {
  if (Array.isArray(answer)) return answer.flatMap(codesIn);
  if (answer === null || typeof answer !== "object" || answer instanceof Uint8Array) return [];
  return Object.entries(answer).flatMap(([name, value]) =>
    name.endsWith("rrorCode") ? [value as number] : codesIn(value)
  );
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Producer ids that scenarios make up. */
export const UNKNOWN_PRODUCER = 987_654_321;
const MADE_UP: ReadonlySet<number> = new Set([UNKNOWN_PRODUCER, 123_456_789]);
/** The coordinator is not there (yet). */
const TRANSIENT: ReadonlySet<number> = new Set([14, 15, 16]);
const ENDED = ["Empty", "Ongoing", "CompleteCommit", "CompleteAbort", "Dead", ""];
const SETTLE_LIMIT_MS = 30_000;
const PRODUCER_IDS: ReadonlySet<string> = new Set([
  "producerId",
  "v3AndBelowProducerId",
  "ongoingTxnProducerId",
  "producerIdFilters",
]);
const TIMES: ReadonlySet<string> = new Set(["transactionStartTimeMs", "lastTimestamp", "logAppendTimeMs"]);
/** Of another broker's own making: addresses, epochs of leaders, prose. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "throttleTimeMs",
  "host",
  "port",
  "nodeId",
  "nodeEndpoints",
  "currentLeader",
  "logStartOffset",
  "errorMessage",
  "recordErrors",
  "coordinatorEpoch",
]);
