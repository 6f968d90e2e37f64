/**
 * Opening: the logs of a broker that have not been opened since it started, and how they come to serve.
 *
 * A log of which there is an exact record is opened when it is asked for first: comparing it takes a tenth of a
 * millisecond, and a start reads none of them. Every other is recovered: those that the journal has entries of come
 * first, since they were written to last; then internal topics, then the smallest. Those that nobody
 * asks for are opened at leisure. What cannot be opened is offline, with the reason; when the store was at fault, it is
 * tried again. So is a log that served, and that the store failed in the middle of something (again()).
 */
import type { Uuid } from "../bytes/uuid.ts";
import { systemTimers, type Timers } from "../clock.ts";
import type { TopicConfig } from "../config/topic_configs.ts";
import { folderOf } from "./directory/inventory.ts";
import { claimFolder } from "./log/claim.ts";
import type { LogContext } from "./log/log_context.ts";
import {
  createLog,
  type LogRef,
  openAsRecorded,
  openLog,
  type OpenReport,
} from "./log/open_log.ts";
import type { PartitionLog } from "./log/partition_log.ts";
import { isBegunFor, putPartitionMetadata } from "./directory/partition_metadata.ts";
import type { KnownLog } from "./recovery/known_log.ts";
import { type FoldersContext, moveAside } from "./directory/partition_folders.ts";
import { StoreError } from "./store.ts";

/** A partition that should exist, with what the catalogue says of it. */
export interface WantedLog extends LogRef {
  readonly leaderEpoch: number;
  /** The epoch it was led in before this broker started, which no batch in it is beyond; `leaderEpoch` unless given. */
  readonly lastLeaderEpoch?: number;
  readonly config: TopicConfig;
}

export interface OpeningOptions {
  readonly context: LogContext;
  readonly folders: FoldersContext;
  /** Whether the last broker stopped cleanly. */
  readonly cleanStart: boolean;
  /** A log serves from now on. `isNew`: it was made; `wasOffline`: those who asked before were told that it is offline. */
  readonly onOpen: (
    log: PartitionLog,
    one: Unopened,
    how: { readonly isNew: boolean; readonly wasOffline: boolean },
  ) => void;
  /** A folder is to be removed. */
  readonly onDoomed: (folder: string) => void;
  readonly onWarning: (event: string, details: Record<string, unknown>) => void;
}

/** A log that is not open. */
export interface Unopened extends KnownLog {
  /** Replaced when the catalogue says otherwise. */
  wanted: WantedLog;
  /** Whether it was made since the inventory was written, so that nothing of it was called synced, or compacted. */
  readonly isNew: boolean;
  /** Whether a folder of its name was there at the start. */
  readonly isThere: boolean;
  /** What was acknowledged of it while it served before: it ends there at least. */
  readonly mustReach?: number;
  /** Why it does not serve; null while it has not been looked at. */
  offline: string | null;
  /** Whether the store was at fault, so that it is tried again. */
  isFault: boolean;
}

interface Waiting extends Unopened {
  /** A recovery under way. */
  recovering: Promise<void> | null;
  /** Tries that the store failed. */
  failures: number;
  /** Whether the topic was deleted meanwhile. */
  isGone: boolean;
  /** The reason that was told last. */
  told: string;
}

export class Opening {
  readonly #options: OpeningOptions;
  readonly #waiting = new Map<Uuid, Map<number, Waiting>>();
  readonly #timers: Timers;
  /** Ends the opening at leisure. */
  #endLeisure: (() => void) | null = null;
  /** Each takes back a try that is due later. */
  readonly #retries = new Set<() => void>();
  /** Recoveries at work, and those that wait for their turn. */
  #recovering = 0;
  readonly #inLine: (() => void)[] = [];
  #isClosed = false;

  constructor(options: OpeningOptions) {
    this.#options = options;
    this.#timers = options.context.timers ?? systemTimers;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Whether a clean stop could call all of them so: nothing needs to be looked at that an exact record does not cover. */
  get isSound(): boolean {
    for (const one of this.#all()) {
      const isUnmade = one.isNew && !one.isThere && one.journal.length === 0; // nothing to look at
      if (!isUnmade && (one.offline !== null || !one.record?.isExact)) return false;
    }
    return true;
  }

  /** Those that are not open, with what is remembered of them. */
  unopened(): Iterable<Unopened> {
    return this.#all();
  }

  /** Whether a log waits to be opened. */
  has(topicId: Uuid, partition: number): boolean {
    return this.#waiting.get(topicId)?.has(partition) ?? false;
  }

  add(one: Omit<Unopened, "offline" | "isFault">): void {
    this.#put(one);
  }

  /** One that is to be made. */
  expect(wanted: WantedLog): void {
    this.#put({ wanted, ...NOTHING_YET });
  }

  /**
   * A log that served, and cannot go on: it is recovered like any other, after a pause. `gone` resolves when nothing of it
   * is on its way to its folder any more; it does not reject.
   */
  again(one: Omit<Unopened, "offline" | "isFault">, reason: string, gone: Promise<void>): void {
    const waiting = this.#put(one);
    this.#refuse(waiting, reason, { isFault: true });
    gone.then(() => this.#retry(waiting));
  }

  #put(one: Omit<Unopened, "offline" | "isFault">): Waiting {
    const { topicId, partition } = one.wanted;
    let ofTopic = this.#waiting.get(topicId);
    if (ofTopic === undefined) this.#waiting.set(topicId, ofTopic = new Map());
    const fresh = { offline: null, isFault: false, recovering: null, failures: 0, isGone: false };
    const waiting = { ...one, ...fresh, told: "" };
    ofTopic.set(partition, waiting);
    return waiting;
  }

  /** Opens a log that is asked for, if that takes no time; otherwise it begins to be recovered. */
  ask(topicId: Uuid, partition: number): void {
    const one = this.#waiting.get(topicId)?.get(partition);
    if (one === undefined || one.offline !== null) return;
    if (!this.#openNow(one)) this.#recover(one);
  }

  /** Resolves when a log has been opened, or will not be. */
  async ready(topicId: Uuid, partition: number): Promise<void> {
    const one = this.#waiting.get(topicId)?.get(partition);
    if (one === undefined || one.offline !== null) return;
    this.ask(topicId, partition);
    await one.recovering;
  }

  /** Why a log does not serve, or null: then it is there, being opened, or unknown. */
  offlineReason(topicId: Uuid, partition: number): string | null {
    return this.#waiting.get(topicId)?.get(partition)?.offline ?? null;
  }

  /** What is wanted of a log that waits. */
  wanted(topicId: Uuid, partition: number): WantedLog | undefined {
    return this.#waiting.get(topicId)?.get(partition)?.wanted;
  }

  /** Whether a topic has logs that wait. */
  knows(topicId: Uuid): boolean {
    return this.#waiting.has(topicId);
  }

  /** The topics with logs that wait. */
  topicIds(): Iterable<Uuid> {
    return this.#waiting.keys();
  }

  /** Why the store keeps a log from being made or opened for now; null when it does not. */
  faultOf(topicId: Uuid, partition: number): string | null {
    const one = this.#waiting.get(topicId)?.get(partition);
    return one?.isFault ? one.offline : null;
  }

  /** Changes what is wanted of logs of a topic that are not open. */
  change(topicId: Uuid, how: (wanted: WantedLog) => WantedLog): void {
    for (const one of this.#waiting.get(topicId)?.values() ?? []) one.wanted = how(one.wanted);
  }

  /** The topic was deleted: its logs are not opened any more. Those that waited, once nothing works on them. */
  async forget(topicId: Uuid): Promise<Unopened[]> {
    const ofTopic = [...this.#waiting.get(topicId)?.values() ?? []];
    this.#waiting.delete(topicId);
    for (const one of ofTopic) {
      one.isGone = true;
      one.offline = "the topic was deleted";
    }
    for (const one of ofTopic) await one.recovering;
    return ofTopic;
  }

  /**
   * Opens what is done within `limitMs`; the rest follows in the background, and is served as it is done.
   */
  async begin(limitMs: number): Promise<void> {
    const inOrder = [...this.#all()].filter((one) => !this.#isLazy(one)).sort((a, b) =>
      rankOf(a) - rankOf(b) || bytesOf(a) - bytesOf(b)
    );
    const rest = this.#openAll(inOrder).catch((error) => this.#report(error));
    await within(rest, limitMs, this.#timers);
    this.#atLeisure();
  }

  /** Nothing more is opened; what is being recovered comes to an end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#endLeisure?.();
    for (const cancel of this.#retries) cancel();
    for (const one of this.#all()) await one.recovering;
  }

  *#all(): Generator<Waiting> {
    for (const ofTopic of this.#waiting.values()) yield* ofTopic.values();
  }

  /** One after the other. */
  async #openAll(ones: Iterable<Waiting>): Promise<void> {
    for (const one of ones) {
      if (this.#isClosed) return;
      await this.#open(one);
    }
  }

  async #open(one: Waiting): Promise<void> {
    if (one.isGone || one.offline !== null || !this.#isWaiting(one)) return;
    if (!this.#openNow(one)) await this.#recover(one);
  }

  /** Whether it is opened when it is asked for: after a clean stop there is nothing to be done before. */
  #isLazy({ record }: Unopened): boolean {
    return this.#options.cleanStart && record !== undefined && record.isExact;
  }

  /** Not so once it was opened, also when the same log waits again by now: for that, less is known. */
  #isWaiting(one: Waiting): boolean {
    const { topicId, partition } = one.wanted;
    return this.#waiting.get(topicId)?.get(partition) === one;
  }

  /** Opens, makes or refuses a log where that needs no recovery; false when it does. */
  #openNow(one: Waiting): boolean {
    if (one.recovering !== null) return false;
    const { context, folders } = this.#options, { wanted, record } = one;
    try {
      const { isThere, journal } = one, isJournaled = journal.length > 0;
      const claim = claimFolder(folders, wanted, { isThere, record, journal });
      if (claim.kind === "refused") return this.#refuse(one, claim.reason);
      if (claim.kind === "ours" && claim.healed !== null) this.#warn(one, [claim.healed]);
      if (claim.kind === "absent") {
        if (claim.doomed !== null) this.#options.onDoomed(claim.doomed);
        if (!isJournaled) return this.#serve(one, this.#make(one), { isNew: true });
        context.store.makeFolder(folderOf(wanted)); // a power loss took the name; the journal has what was acknowledged
        putPartitionMetadata(context.store, folderOf(wanted), wanted.topicId);
        return false;
      }
      if (record === undefined || !record.isExact) return false;
      const clean = one.looksBehind !== true;
      const report = openAsRecorded(context, wanted, wanted.config, { record, clean });
      return report !== null && this.#take(one, report);
    } catch (error) {
      return this.#failed(one, error);
    }
  }

  /** An empty log. Whatever bears its name is not of this topic: nothing of it may be inherited. */
  #make({ wanted }: Waiting): PartitionLog {
    const { context, folders, onDoomed } = this.#options, folder = folderOf(wanted);
    const isOwn = isBegunFor(context.store, folder, wanted.topicId);
    const doomed = isOwn ? null : moveAside(folders, folder);
    if (doomed !== null) onDoomed(doomed);
    return createLog(context, wanted, wanted.config);
  }

  /** Recovers a log, a few at a time. Never rejects. */
  #recover(one: Waiting): Promise<void> {
    return one.recovering ??= this.#recoverInTurn(one).finally(() => one.recovering = null);
  }

  async #recoverInTurn(one: Waiting): Promise<void> {
    while (this.#recovering >= MAX_RECOVERING) {
      await new Promise<void>((resolve) => this.#inLine.push(resolve));
    }
    this.#recovering++;
    try {
      if (!one.isGone && !this.#isClosed) await this.#recoverNow(one);
    } finally {
      this.#recovering--;
      this.#inLine.shift()?.();
    }
  }

  async #recoverNow(one: Waiting): Promise<void> {
    const { wanted } = one;
    try {
      const report = await openLog(this.#options.context, wanted, wanted.config, {
        ...one,
        // A start that goes above what the metadata had lost may have begun the epoch of many later.
        maxLeaderEpoch: Math.max(
          wanted.lastLeaderEpoch ?? wanted.leaderEpoch,
          wanted.leaderEpoch - 1,
        ),
        rest: () => this.#rest(one),
      });
      if (one.isGone || this.#isClosed) report.log.retire("it was opened too late");
      else this.#take(one, report);
    } catch (error) {
      if (!(error instanceof OpeningEnded)) this.#failed(one, error);
    }
  }

  /** Gives way to whatever else there is to do. */
  async #rest(one: Waiting): Promise<void> {
    await new Promise<void>((resolve) => this.#timers.after(0, resolve));
    if (one.isGone || this.#isClosed) throw new OpeningEnded("the log is not wanted any more");
  }

  #take(one: Waiting, { log, damage, cutBytes, warnings }: OpenReport): true {
    const folder = folderOf(one.wanted);
    this.#warn(one, warnings);
    if (cutBytes > 0) this.#options.onWarning("torn_tail_cut", { folder, bytes: cutBytes });
    if (damage !== null) return this.#refuse(one, damage);
    const { logEndOffset } = log, { mustReach = 0 } = one;
    if (logEndOffset >= mustReach) return this.#serve(one, log, { isNew: false });
    log.isDamaged = true;
    log.retire("it has lost its end");
    const what = `records up to offset ${mustReach} were acknowledged, and the log ends at`;
    return this.#refuse(one, `${what} ${logEndOffset}`);
  }

  #serve(one: Waiting, log: PartitionLog, { isNew }: { isNew: boolean }): true {
    const { topicId, partition } = one.wanted;
    const ofTopic = this.#waiting.get(topicId);
    ofTopic?.delete(partition);
    if (ofTopic?.size === 0) this.#waiting.delete(topicId);
    log.config = one.wanted.config; // as it is now
    const wasOffline = one.told !== "";
    this.#options.onOpen(log, one, { isNew, wasOffline });
    if (wasOffline) {
      this.#options.onWarning("partition_online", { folder: log.folder, was: one.told });
    }
    return true;
  }

  /** `isFault`: the store is at fault, and nothing known to be damaged. */
  #refuse(one: Waiting, reason: string, { isFault = false } = {}): true {
    one.offline = reason;
    one.isFault = isFault;
    if (one.told === reason) return true; // at the last try already
    one.told = reason;
    const { onWarning } = this.#options, details = { folder: folderOf(one.wanted), reason };
    if (isFault) onWarning("partition_not_opened", { ...details, action: "tried again" });
    else onWarning("partition_offline", details);
    return true;
  }

  /** The store failed: the others are served, and this one is tried again. */
  #failed(one: Waiting, error: unknown): true {
    if (!(error instanceof StoreError)) this.#report(error);
    const why = error instanceof Error ? error.message : error;
    this.#refuse(one, `cannot be opened: ${why}`, { isFault: true });
    this.#retry(one);
    return true;
  }

  #retry(one: Waiting): void {
    if (this.#isClosed || one.isGone) return;
    const delayMs = Math.min(RETRY_MS * 2 ** Math.min(one.failures++, 10), MAX_RETRY_MS);
    const cancel = this.#timers.after(delayMs, () => {
      this.#retries.delete(cancel);
      if (one.isGone) return;
      one.offline = null;
      one.isFault = false;
      this.#open(one).catch((error) => this.#report(error));
    });
    this.#retries.add(cancel);
  }

  #warn(one: Waiting, warnings: readonly string[]): void {
    const folder = folderOf(one.wanted);
    for (const found of warnings) this.#options.onWarning("log_healed", { folder, found });
  }

  #report(error: unknown): void {
    this.#options.onWarning("opening_failed", { error: String(error) });
  }

  /** Opens what nobody has asked for, a little at a time. */
  #atLeisure(): void {
    if (this.#isClosed) return;
    const idle = [...this.#all()].filter((one) => this.#isLazy(one) && one.offline === null);
    if (idle.length === 0) return;
    const { clock } = this.#options.context, timers = this.#timers;
    let next = 0;
    const step = () => {
      const untilMs = clock.monotonicMs() + LEISURE_WORK_MS;
      while (next < idle.length && clock.monotonicMs() < untilMs) {
        const one = idle[next++];
        if (one.isGone || one.offline !== null || !this.#isWaiting(one)) continue;
        if (!this.#openNow(one)) this.#recover(one);
      }
      this.#endLeisure = next < idle.length ? timers.after(LEISURE_REST_MS, step) : null;
    };
    this.#endLeisure = timers.after(LEISURE_DELAY_MS, step);
  }
}

/** Waits for what does not reject, and not longer than that. */
export async function within(
  work: Promise<unknown>,
  limitMs: number,
  timers: Timers,
): Promise<void> {
  const { promise: limit, resolve } = Promise.withResolvers<void>();
  const cancel = timers.after(limitMs, resolve);
  await Promise.race([work, limit]);
  cancel();
}

/** A recovery that was given up: the broker stops, or the topic was deleted. */
class OpeningEnded extends Error {
  override readonly name = "OpeningEnded";
}

/** What is known of a log that is to be made. */
const NOTHING_YET = {
  recoveryPoint: 0,
  logStartOffset: 0,
  clean: true,
  journal: [],
  compactedTo: 0,
  isNew: true,
  isThere: false,
} as const;
/** Recoveries at a time: each reads through a window of its own. */
const MAX_RECOVERING = 4;
const JOURNALED = 0, INTERNAL = 1, OTHERS = 2;

function rankOf({ journal, record, wanted }: Unopened): number {
  if (journal.length > 0 && !record?.isExact) return JOURNALED;
  return wanted.topic.startsWith("__") ? INTERNAL : OTHERS;
}

function bytesOf({ record }: Unopened): number {
  return record?.segments.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0;
}

/** How long after a start the logs that nobody asked for are opened, and how much of a core that takes. */
const LEISURE_DELAY_MS = 1000, LEISURE_WORK_MS = 2, LEISURE_REST_MS = 10;
/** What the store failed is tried again after so long, and twice as long each time. */
const RETRY_MS = 1000, MAX_RETRY_MS = 10_000;
