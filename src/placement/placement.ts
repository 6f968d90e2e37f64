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
 * What cannot be done now is a problem with a name. It is told once, counted while it lasts, and tried again, ever more
 * seldom; it never throws into whoever brought the change, who may ask what became of it (problemOf).
 */
import type { Uuid } from "../bytes/uuid.ts";
import { systemTimers, type Timers } from "../clock.ts";
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
  createAll(wanted: Iterable<WantedLog>): void;
  lead(topicId: Uuid, partition: number, leaderEpoch: number): Promise<void>;
  configure(topicId: Uuid, config: TopicConfig): void;
  /** Ends topics' logs, and marks their folders deleted. */
  remove(topicIds: Iterable<Uuid>): Promise<void>;
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

export class Placement {
  readonly #options: PlacementOptions;
  readonly #timers: Timers;
  /** Topics to look at. */
  #due = new Set<Uuid>();
  #running: Promise<void> | null = null;
  /** What was not done when it was looked at last, by topic. */
  readonly #problems = new Map<Uuid, readonly PlacementProblem[]>();
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
  follow(topicIds: Iterable<Uuid>, limitMs = ANSWER_MS): Promise<void> {
    for (const topicId of topicIds) this.#due.add(topicId);
    return this.#begin(limitMs);
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
    for (const problem of noted) if (problem.reason !== OPEN) yield problem;
    const topic = this.#options.catalogue.topicById(topicId);
    if (topic === undefined) yield* this.#undeleted(topicId);
    else yield* this.#unmade(topic);
  }

  async #begin(limitMs: number): Promise<void> {
    if (this.#isClosed || this.#due.size === 0 && this.#running === null) return;
    const running = this.#running ??= this.#run();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = this.#timers.after(limitMs, resolve);
    await Promise.race([running, late]);
    cancel();
  }

  /** Until nothing is due: what comes meanwhile is looked at too. */
  async #run(): Promise<void> {
    while (this.#due.size > 0 && !this.#isClosed) {
      const due = this.#due;
      this.#due = new Set();
      await this.#bring(due);
    }
    this.#running = null; // in the same turn as the look at what is due
    this.#retryLater();
  }

  async #bring(due: ReadonlySet<Uuid>): Promise<void> {
    const { catalogue, logs } = this.#options;
    // Those that are gone first: a topic may have been made again under the same name.
    const gone = [...due].filter((id) => catalogue.topicById(id) === undefined && logs.holds(id));
    const failures = new Map<Uuid, unknown>();
    if (gone.length > 0) {
      await this.#attempt(gone, failures, () => logs.remove(gone));
    }
    for (const topicId of due) {
      const topic = catalogue.topicById(topicId);
      if (topic !== undefined) {
        await this.#attempt([topicId], failures, () => this.#bringOne(topic));
      }
    }
    for (const topicId of due) this.#note(topicId, failures.get(topicId));
  }

  async #bringOne(topic: Topic): Promise<void> {
    const { catalogue, nodeId, logs } = this.#options;
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
    logs.createAll(missing);
    if (isOtherwise) logs.configure(topic.id, catalogue.topicConfig(topic));
    for (const { partition, leaderEpoch } of behind) {
      await logs.lead(topic.id, partition, leaderEpoch);
    }
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

  /** Takes down what became of a topic, and tells what is news. */
  #note(topicId: Uuid, error: unknown): void {
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
    this.#problems.set(topicId, noted);
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
/** What could not be done is tried again after so long, and twice as long each time. */
const RETRY_MS = 1000, MAX_RETRY_MS = 10_000;
