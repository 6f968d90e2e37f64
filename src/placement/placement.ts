/**
 * Placement: brings the logs of a node after the catalogue, and keeps at it until they agree (a reconciliation, as a
 * controller of Kubernetes does it, or Kafka's BrokerMetadataPublisher).
 *
 * It goes by what is and what should be, never by what has changed: whoever calls says at most where to look. So it may
 * be called at any time, by anybody (a start, a commit, a watch on a metadata store that other nodes write) and any
 * number of times; and a node that missed a change catches up with the next.
 *
 * | the catalogue | the logs | what is done |
 * |---|---|---|
 * | has a partition of this node | have none | it is made, and again where the store fails |
 * | gives it a later leader epoch | lead an earlier one | the lead is taken up |
 * | gives it another config | have another one | it is configured |
 * | has no topic of this id | have logs, or a folder with its name | they end, and the folders are marked deleted |
 *
 * A topic may have ten thousand partitions, and each is files to be made: that gives way to whatever else the broker does,
 * and to other topics that are to be looked at meanwhile. Logs are known before they are made, and whoever asks for one has
 * it made at once.
 *
 * What cannot be done now is a problem with a name. It is told once, counted while it lasts, and tried again, ever more
 * seldom; it never throws into whoever brought the change, who may ask what became of it (problemOf).
 */
import type { Uuid } from "../bytes/uuid.ts";
import { type GivesWay, systemTimers, type Timers } from "../clock.ts";
import type { BackgroundWork } from "../metrics/background.ts";
import type { TopicConfig } from "../config/topic_configs.ts";
import type { WantedLog } from "../storage/opening.ts";
import type { Catalogue, Topic } from "../topics/catalogue.ts";
import { desiredLogs } from "./desired_logs.ts";

/** The logs of a node, as placement needs them (LogManager). What is asked of them may be asked again. */
export interface PlacedLogs {
  /** Every topic of which there is anything: logs, or a folder with its name. */
  topicIds(): Set<Uuid>;
  /** Whether this is one of them. */
  holds(topicId: Uuid): boolean;
  /** What there is of a partition, serving or not; null when there is nothing. */
  held(
    topicId: Uuid,
    partition: number,
  ): { readonly leaderEpoch: number; readonly config: TopicConfig } | null;
  /** From now on there are to be logs; each is made when it is asked for, by make() or a client. */
  expect(wanted: Iterable<WantedLog>): void;
  /** Makes one that is expected, where it is not made; where the store fails it is tried again. */
  make(topicId: Uuid, partition: number): void;
  lead(topicId: Uuid, partition: number, leaderEpoch: number): Promise<void>;
  configure(topicId: Uuid, config: TopicConfig): void;
  /** Ends topics' logs, and marks their folders deleted. */
  remove(topicIds: Iterable<Uuid>, turn: GivesWay): Promise<void>;
  /** Why a log that should be there cannot be made or opened for now; null when nothing is wrong, or it is damaged. */
  faultOf(topicId: Uuid, partition: number): string | null;
  /** Why a folder of a deleted topic still bears its name; null when none does. */
  undeleted(topicId: Uuid): string | null;
}

export interface PlacementOptions {
  readonly catalogue: Catalogue;
  readonly nodeId: number;
  readonly logs: PlacedLogs;
  readonly work: BackgroundWork;
  readonly turn: GivesWay;
  readonly nowMs: () => number;
  /** Without them, the system's. */
  readonly timers?: Timers;
  readonly onEvent: (event: string, details: Record<string, unknown>) => void;
}

/** A change of the catalogue that is not carried out. */
export interface PlacementProblem {
  readonly topicId: Uuid;
  /** "orders-3", or the id of a topic that was deleted. */
  readonly what: string;
  readonly reason: string;
}

/** What was not done of a topic, and what it is called where that is counted. */
interface Noted {
  readonly name: string;
  readonly problems: readonly PlacementProblem[];
}

export class Placement {
  readonly #options: PlacementOptions;
  readonly #timers: Timers;
  /** Topics to look at. */
  #due = new Set<Uuid>();
  /** Those that are being looked at. */
  readonly #looked = new Set<Uuid>();
  #running: Promise<void> | null = null;
  /** What was not done when it was looked at last, by topic. */
  readonly #problems = new Map<Uuid, Noted>();
  /** Each waits for some topics to have been looked at. */
  readonly #waiting = new Set<{ readonly topicIds: Set<Uuid>; readonly done: () => void }>();
  /** How many topics are in the middle of being made, one within the other. */
  #depth = 0;
  #tries = 0;
  #cancelRetry: (() => void) | null = null;
  #isClosed = false;

  constructor(options: PlacementOptions) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
  }

  /** How it fares. */
  get work(): BackgroundWork {
    return this.#options.work;
  }

  /** Looks at these topics; resolves when they agree as far as that can be had now, or after `limitMs`. Never rejects. */
  async follow(topicIds: Iterable<Uuid>, limitMs = ANSWER_MS): Promise<void> {
    const wanted = new Set(topicIds);
    if (this.#isClosed || wanted.size === 0) return;
    for (const topicId of wanted) this.#due.add(topicId);
    const { promise, resolve: done } = Promise.withResolvers<void>();
    const waiting = { topicIds: wanted, done };
    this.#waiting.add(waiting);
    const cancel = this.#timers.after(limitMs, done);
    this.#running ??= this.#run().catch(() => {}); // who was to be told of a failure has failed
    await promise;
    cancel();
    this.#waiting.delete(waiting);
  }

  /** The same of everything that the catalogue or the logs know. */
  followAll(limitMs = ANSWER_MS): Promise<void> {
    const { catalogue, logs } = this.#options;
    return this.follow([...catalogue.topics().map(({ id }) => id), ...logs.topicIds()], limitMs);
  }

  /** Why the logs of a topic are not what the catalogue says; null when they are. */
  problemOf(topicId: Uuid): string | null {
    for (const { what, reason } of this.#of(topicId)) return `${what}: ${reason}`;
    return null;
  }

  /** Everything that is not carried out. */
  *problems(): Generator<PlacementProblem> {
    for (const topicId of this.#problems.keys()) yield* this.#of(topicId);
  }

  /** Nothing is looked at any more; resolves when what is under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRetry?.();
    await this.#running;
  }

  /** As it is now: a log may have been made since it was looked at. */
  *#of(topicId: Uuid): Generator<PlacementProblem> {
    const noted = this.#problems.get(topicId);
    if (noted === undefined) return;
    for (const problem of noted.problems) if (problem.reason !== OPEN) yield problem;
    const topic = this.#options.catalogue.topicById(topicId);
    if (topic === undefined) yield* this.#undeleted(topicId);
    else yield* this.#unmade(topic);
  }

  /** Until nothing is due: what comes meanwhile is looked at too. */
  async #run(): Promise<void> {
    try {
      while (this.#due.size > 0 && !this.#isClosed) await this.#bringDue();
    } catch (error) { // a bug: what topics need is caught where it is done
      this.#lookFailed(error);
    } finally {
      this.#running = null; // in the same turn as the look at what is due
      for (const { done } of this.#waiting) done(); // a stop looks at nothing more
      this.#retryLater();
    }
  }

  /** What was to be looked at is looked at again later. */
  #lookFailed(error: unknown): void {
    const { catalogue, work, onEvent } = this.#options;
    const reason = error instanceof Error ? error.message : String(error);
    const topicIds = [...this.#looked, ...this.#due];
    this.#looked.clear();
    this.#due.clear();
    let isNews = false;
    for (const topicId of topicIds) {
      const name = catalogue.topicById(topicId)?.name ?? topicId;
      this.#problems.set(topicId, { name, problems: [{ topicId, what: name, reason }] });
      isNews = work.failed(name, reason) || isNews;
    }
    if (!isNews) return;
    const others = topicIds.length - 1, what = [...this.#problems.values()].at(-1)!.name;
    onEvent("placement_failed", { what, reason, others, action: "tried again" });
  }

  async #bringDue(): Promise<void> {
    const { catalogue, logs, turn } = this.#options, due = this.#due;
    this.#due = new Set();
    for (const topicId of due) this.#looked.add(topicId);
    // Those that are gone first: a topic may have been made again under the same name.
    const gone = [...due].filter((id) => catalogue.topicById(id) === undefined && logs.holds(id));
    const failures = new Map<Uuid, unknown>();
    if (gone.length > 0) {
      await this.#attempt(gone, failures, () => logs.remove(gone, turn));
    }
    for (const topicId of due) {
      const topic = catalogue.topicById(topicId);
      if (topic !== undefined) {
        await this.#attempt([topicId], failures, () => this.#bringOne(topic));
      }
      this.#note(topicId, failures.get(topicId));
    }
    const names = new Set([...this.#problems.values()].map(({ name }) => name));
    this.#options.work.keepFailing((name) => names.has(name)); // as one has that was deleted since
  }

  async #bringOne(topic: Topic): Promise<void> {
    const { catalogue, nodeId, logs, turn } = this.#options;
    const missing: WantedLog[] = [], behind: WantedLog[] = [];
    let isOtherwise = false;
    for (const wanted of desiredLogs(catalogue, nodeId, topic)) {
      const held = logs.held(topic.id, wanted.partition);
      if (held === null) missing.push(wanted);
      else {
        if (held.leaderEpoch < wanted.leaderEpoch) behind.push(wanted);
        if (held.config !== wanted.config) isOtherwise = true;
      }
    }
    logs.expect(missing);
    if (isOtherwise) logs.configure(topic.id, catalogue.topicConfig(topic));
    for (const { partition } of missing) {
      logs.make(topic.id, partition);
      if (turn.isLong && !await this.#giveWay(topic.id)) return;
    }
    for (const { partition, leaderEpoch } of behind) {
      await logs.lead(topic.id, partition, leaderEpoch);
      if (turn.isLong && !await this.#giveWay(topic.id)) return;
    }
  }

  /** Lets others have a turn, other topics too; whether this one is to be looked at further then. */
  async #giveWay(topicId: Uuid): Promise<boolean> {
    const { turn, catalogue } = this.#options;
    await turn.next();
    if (this.#due.size > 0 && !this.#isClosed && this.#depth < MAX_DEPTH) {
      this.#depth++;
      await this.#bringDue().finally(() => this.#depth--);
    }
    return !this.#isClosed && catalogue.topicById(topicId) !== undefined;
  }

  async #attempt(
    topicIds: readonly Uuid[],
    failures: Map<Uuid, unknown>,
    work: () => Promise<void>,
  ): Promise<void> {
    try {
      await work();
    } catch (error) {
      for (const topicId of topicIds) failures.set(topicId, error);
    }
  }

  /** Takes down what became of a topic, tells what is news, and whoever waited for just that. */
  #note(topicId: Uuid, error: unknown): void {
    this.#judge(topicId, error);
    this.#looked.delete(topicId);
    if (this.#due.has(topicId)) return; // it has changed again
    for (const { topicIds, done } of this.#waiting) {
      if (topicIds.delete(topicId) && topicIds.size === 0) done();
    }
  }

  #judge(topicId: Uuid, error: unknown): void {
    const { catalogue, work, nowMs, onEvent } = this.#options;
    const topic = catalogue.topicById(topicId), name = topic?.name ?? topicId;
    const found = topic === undefined ? [...this.#undeleted(topicId)] : [...this.#unmade(topic)];
    const noted: PlacementProblem[] = found.map((problem) => ({ ...problem, reason: OPEN }));
    if (error !== undefined) {
      const reason = error instanceof Error ? error.message : String(error);
      found.push({ topicId, what: name, reason });
      noted.push({ topicId, what: name, reason });
    }
    if (found.length === 0) {
      this.#problems.delete(topicId);
      if (work.succeeded(name, nowMs())) onEvent("placement_done", { topic: name });
      return;
    }
    this.#problems.set(topicId, { name, problems: noted });
    const [{ what, reason }] = found;
    if (!work.failed(name, reason)) return;
    onEvent("placement_failed", { what, reason, others: found.length - 1, action: "tried again" });
  }

  *#unmade(topic: Topic): Generator<PlacementProblem> {
    const { catalogue, nodeId, logs } = this.#options;
    for (const { partition } of desiredLogs(catalogue, nodeId, topic)) {
      const reason = logs.faultOf(topic.id, partition);
      if (reason !== null) yield { topicId: topic.id, what: `${topic.name}-${partition}`, reason };
    }
  }

  *#undeleted(topicId: Uuid): Generator<PlacementProblem> {
    const reason = this.#options.logs.undeleted(topicId);
    if (reason !== null) yield { topicId, what: topicId, reason };
  }

  #retryLater(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    if (this.#problems.size === 0) this.#tries = 0;
    if (this.#problems.size === 0 || this.#isClosed) return;
    const delayMs = Math.min(RETRY_MS * 2 ** Math.min(this.#tries++, 10), MAX_RETRY_MS);
    this.#cancelRetry = this.#timers.after(delayMs, () => {
      this.#cancelRetry = null;
      this.follow(this.#problems.keys());
    });
  }
}

/** Of a problem whose reason the logs know, as it is when somebody asks. */
const OPEN = "";
/** How long whoever brought a change waits for it at most. */
const ANSWER_MS = 10_000;
/** How many topics may be looked at in the middle of others that are being made. */
const MAX_DEPTH = 16;
/** What could not be done is tried again after so long, and twice as long each time. */
const RETRY_MS = 1000, MAX_RETRY_MS = 10_000;
