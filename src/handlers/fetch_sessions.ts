/**
 * Fetch sessions (KIP-227): the broker remembers what a consumer fetches, so that the next request names only what
 * changed and the response only what is new.
 *
 * | request | means |
 * |---|---|
 * | id 0, epoch -1 | no session, please |
 * | id 0, epoch 0 | open one |
 * | id n, epoch 0 | close n, open another |
 * | id n, epoch -1 | close n |
 * | id n, epoch e | go on; e is one more than last time |
 *
 * At most `slots` are kept, with so many partitions in all and in each. A new one takes the place of the longest unused,
 * once that has been unused for two minutes; before, the newcomer simply gets no session, which every client can live
 * with. One that grows beyond what it may have is over (70). Kafka counts sessions alone, so that one client, without any
 * right, can have it remember as much as it likes to name: a name that no topic has counts by how long it is.
 */
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import type { Clock } from "../clock.ts";
import { ErrorCode } from "../protocol/errors.ts";

/** One partition that a client fetches. */
export interface FetchPartition {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly index: number;
  fetchOffset: number;
  maxBytes: number;
  currentLeaderEpoch: number;
  lastFetchedEpoch: number;
  /** What the client was told last, by which an incremental response leaves out what has not changed. */
  toldHighWatermark: number;
  toldLogStart: number;
}

export interface FetchSession {
  readonly id: number;
  readonly usesTopicIds: boolean;
  readonly partitions: Map<string, FetchPartition>;
  /** How many its partitions count for. */
  size: number;
  nextEpoch: number;
  lastUsedMs: number;
}

/** What a request asks for: the partitions to read, and the session it belongs to, if any. */
export interface FetchPlan {
  readonly session: FetchSession | null;
  /** Whether only what changed is answered. */
  readonly isIncremental: boolean;
  /** Whether partitions say the id of their topic, not its name. */
  readonly usesTopicIds: boolean;
  readonly partitions: Iterable<FetchPartition>;
}

export interface SessionRequest {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly usesTopicIds: boolean;
  /** The partitions the request names, in its order. */
  readonly named: readonly FetchPartition[];
  readonly forgotten: readonly { topic: string; topicId: Uuid; partitions: readonly number[] }[];
}

export class FetchSessions {
  readonly #slots: number;
  readonly #maxOfOne: number;
  readonly #clock: Clock;
  /** In order of use, the longest unused first. */
  readonly #sessions = new Map<number, FetchSession>();
  readonly #random: () => number;
  /** Of all sessions. */
  #totalSize = 0;

  /** `maxOfOne`: partitions of one session, some 150 bytes each; all together have ten times as many. */
  constructor(
    options: { slots: number; maxOfOne: number; clock: Clock; random?: () => number },
  ) {
    this.#slots = options.slots;
    this.#maxOfOne = options.maxOfOne;
    this.#clock = options.clock;
    this.#random = options.random ??
      (() => crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Takes up a request: opens, continues or ends its session. A number is the error code that answers it. */
  plan(request: SessionRequest): FetchPlan | number {
    const { sessionId, sessionEpoch, usesTopicIds, named } = request;
    if (sessionEpoch === FINAL_EPOCH || sessionEpoch === INITIAL_EPOCH) {
      this.#end(this.#sessions.get(sessionId));
      const session = sessionEpoch === INITIAL_EPOCH ? this.#open(request) : null;
      const partitions = session ? allOf(session) : named;
      return { session, isIncremental: false, usesTopicIds, partitions };
    }
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return ErrorCode.FETCH_SESSION_ID_NOT_FOUND;
    if (session.nextEpoch !== sessionEpoch) return ErrorCode.INVALID_FETCH_SESSION_EPOCH;
    if (session.usesTopicIds !== usesTopicIds) {
      return ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR;
    }
    const before = session.size;
    update(session, request);
    this.#totalSize += session.size - before;
    if (session.partitions.size === 0) { // a session of nothing is over, and what was named is answered without one
      this.#end(session);
      return { session: null, isIncremental: false, usesTopicIds, partitions: named };
    }
    if (session.size > before && !this.#hasRoom(session.size)) {
      this.#end(session);
      return ErrorCode.FETCH_SESSION_ID_NOT_FOUND;
    }
    this.#touch(session);
    session.nextEpoch = sessionEpoch === MAX_INT32 ? 1 : sessionEpoch + 1;
    return { session, isIncremental: true, usesTopicIds, partitions: allOf(session) };
  }

  /** What a session remembers; undefined where there is none of this id. */
  partitionsOf(sessionId: number): Iterable<FetchPartition> | undefined {
    return this.#sessions.get(sessionId)?.partitions.values();
  }

  /** Ends a session before its client has heard of it. */
  end({ id }: FetchSession): void {
    this.#end(this.#sessions.get(id));
  }

  #open(request: SessionRequest): FetchSession | null {
    const { named } = request;
    const most = named.reduce((sum, partition) => sum + sizeOf(partition), 0);
    if (named.length === 0 || !this.#makeRoom(most)) return null;
    const partitions = new Map(named.map((partition) => [keyOf(partition), partition]));
    let size = 0;
    for (const partition of partitions.values()) size += sizeOf(partition);
    const session: FetchSession = {
      id: this.#newId(),
      usesTopicIds: request.usesTopicIds,
      partitions,
      size,
      nextEpoch: 1,
      lastUsedMs: this.#clock.monotonicMs(),
    };
    this.#sessions.set(session.id, session);
    this.#totalSize += size;
    return session;
  }

  /** Room for one more, of so many partitions; false where there is none. */
  #makeRoom(count: number): boolean {
    if (count > this.#maxOfOne) return false;
    for (const oldest of this.#sessions.values()) {
      if (
        this.#sessions.size < this.#slots && this.#totalSize + count <= SHARES * this.#maxOfOne
      ) {
        return true;
      }
      if (this.#clock.monotonicMs() - oldest.lastUsedMs < EVICTION_MS) return false;
      this.#end(oldest);
    }
    return this.#sessions.size < this.#slots;
  }

  /** Whether one may be so large, which is counted already. */
  #hasRoom(size: number): boolean {
    return size <= this.#maxOfOne && this.#totalSize <= SHARES * this.#maxOfOne;
  }

  #end(session: FetchSession | undefined): void {
    if (session === undefined || !this.#sessions.delete(session.id)) return;
    this.#totalSize -= session.size;
  }

  #touch(session: FetchSession): void {
    session.lastUsedMs = this.#clock.monotonicMs();
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
  }

  /** Not guessable one from another, since knowing an id is all it takes to go on with a session. */
  #newId(): number {
    for (;;) {
      const id = 1 + Math.floor(this.#random() * (MAX_INT32 - 1));
      if (!this.#sessions.has(id)) return id;
    }
  }
}

const FINAL_EPOCH = -1;
const INITIAL_EPOCH = 0;
const MAX_INT32 = 2 ** 31 - 1;
const EVICTION_MS = 120_000;
/** So many of the largest sessions there may be: no client takes what is there for all. */
const SHARES = 10;

/** The session's partitions, which may be walked more than once. */
function allOf(session: FetchSession): Iterable<FetchPartition> {
  return { [Symbol.iterator]: () => session.partitions.values() };
}

function update(session: FetchSession, { named, forgotten }: SessionRequest): void {
  for (const partition of named) {
    const key = keyOf(partition);
    const known = session.partitions.get(key);
    if (known === undefined) {
      session.partitions.set(key, partition);
      session.size += sizeOf(partition);
      continue;
    }
    known.fetchOffset = partition.fetchOffset;
    known.maxBytes = partition.maxBytes;
    known.currentLeaderEpoch = partition.currentLeaderEpoch;
    known.lastFetchedEpoch = partition.lastFetchedEpoch;
  }
  for (const { topic, topicId, partitions } of forgotten) {
    for (const index of partitions) {
      const key = keyOf({ topic, topicId, index }), known = session.partitions.get(key);
      if (known === undefined) continue;
      session.partitions.delete(key);
      session.size -= sizeOf(known);
    }
  }
}

/** For how many it counts: one, unless it has a name that no topic has. */
function sizeOf({ topic }: FetchPartition): number {
  return 1 + Math.floor(topic.length / 256);
}

function keyOf({ topic, topicId, index }: { topic: string; topicId: Uuid; index: number }): string {
  return `${topicId === ZERO_UUID ? topic : topicId}:${index}`;
}
