/**
 * The machine room: what a broker stands on: its clock, its memory, and its directory, which is its own while the room is
 * open. First to open and last to close.
 */
import { Background } from "../background/background.ts";
import { entryUrl } from "../background/entry.ts";
import { Turn } from "../background/turn.ts";
import { BufferPool } from "../bytes/pool.ts";
import { type Clock, systemClock, systemTimers, type Timers } from "../clock.ts";
import { TrustedTime } from "../clock/trusted_time.ts";
import type { Config } from "../config/options.ts";
import { logger } from "../log.ts";
import { BackgroundWork } from "../metrics/background.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { FetchSessions } from "../handlers/fetch_sessions.ts";
import type { Handler } from "../handlers/handler.ts";
import type { Dispatch } from "../server/connection.ts";
import { FileStore } from "../storage/backends/file_store.ts";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import { FreeSpace } from "../storage/directory/free_space.ts";
import type { DirectoryLock } from "../storage/directory/lock.ts";
import { Reserve, RESERVE_FILE } from "../storage/directory/reserve.ts";
import type { LogContext } from "../storage/log/log_context.ts";
import { DEFAULT_PRODUCER_LIMITS } from "../storage/producers/producer_state.ts";
import type { Store } from "../storage/store.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import { takeDirectory } from "./metadata_start.ts";

/** What a test puts in the place of the machine. */
export interface Machine {
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** What is free of the disk; `free` asks that. */
  readonly freeBytes?: (free: () => number) => number;
  /** Where the data lies, whatever the configuration says. */
  readonly store?: Store;
  /** The file this program began in, which background threads begin in too where all is one file (main.ts). */
  readonly mainUrl?: string;
  /** What stands between connections and handlers. */
  readonly around?: (dispatch: Dispatch) => Dispatch;
  /** What stands in the place of the handlers. */
  readonly handlers?: (handlers: readonly Handler[], parts: HandlerParts) => readonly Handler[];
}

/** What handlers are made of. */
export interface HandlerParts {
  readonly sessions: FetchSessions;
  readonly catalogue: Catalogue;
  /** Takes the memory of records back. */
  readonly giveBack: (bytes: Uint8Array) => void;
}

export class MachineRoom implements AsyncDisposable {
  readonly clock: Clock;
  readonly timers: Timers;
  /** What deletion goes by: the wall clock as far as it is confirmed. */
  readonly time: TrustedTime;
  readonly pool: BufferPool;
  /** Gives long work of all clients its turn. */
  readonly turn = new Turn();
  /** Threads for what would hold up everybody: large batches, patterns. */
  readonly decoding: Background;
  readonly matching: Background;
  readonly store: Store;
  readonly freeBytes: () => number;
  readonly handlers: Machine["handlers"];
  /** Whether the directory is in use, so that something may be put there. */
  isServing = false;
  readonly #config: Config;
  readonly #metrics: Metrics;
  readonly #stack: AsyncDisposableStack;
  readonly #reserve: Reserve;
  #space: FreeSpace | null = null;
  #spaceWork = new BackgroundWork("free space");

  private constructor(
    config: Config,
    parts: { metrics: Metrics; store: Store; machine: Machine; stack: AsyncDisposableStack },
  ) {
    const { metrics, store, machine, stack } = parts;
    this.clock = machine.clock ?? systemClock;
    this.timers = machine.timers ?? systemTimers;
    this.time = new TrustedTime(this.clock);
    this.#config = config;
    this.#metrics = metrics;
    this.#stack = stack;
    this.store = store;
    this.#reserve = new Reserve(store);
    this.pool = new BufferPool({
      keepBytes: config.performance.bufferPoolSize,
      scarceBytes: config.limits.maxBufferedBytes,
    });
    const { mainUrl = null } = machine;
    this.decoding = this.#background(DECODING_LIMIT_MS, mainUrl);
    this.matching = this.#background(MATCHING_LIMIT_MS, mainUrl);
    this.handlers = machine.handlers;
    const free = () => store.freeBytes(), { freeBytes } = machine;
    this.freeBytes = freeBytes === undefined ? free : () => freeBytes(free);
  }

  /** Takes the directory; throws DirectoryLockedError when another broker has it. Writes nothing else. */
  static async open(config: Config, metrics: Metrics, machine: Machine): Promise<MachineRoom> {
    await using stack = new AsyncDisposableStack();
    let lock: DirectoryLock | null = null;
    stack.defer(() => lock?.release()); // the last of all
    const store = machine.store ?? openStore(config);
    stack.defer(() => store.close());
    if (store instanceof FileStore) lock = await takeDirectory(store);
    return new MachineRoom(config, { metrics, store, machine, stack: stack.move() });
  }

  /** Whether there is a device, whose syncs mean something. */
  get isFile(): boolean {
    return !(this.store instanceof MemoryStore);
  }

  get work(): readonly BackgroundWork[] {
    return [this.#spaceWork];
  }

  /** Begins to look at how much is free. */
  watchSpace(): void {
    const space = this.#space = this.#freeSpace();
    this.#stack.defer(() => space.stop());
    space.start(FREE_SPACE_INTERVAL_MS);
  }

  /** Looks now. */
  lookAtSpace(): void {
    this.#space?.look();
  }

  /** What comes next has to be written: where next to nothing is free, the reserve is given up for it. Whether it was. */
  async makeRoom(): Promise<boolean> {
    this.#space?.look();
    if (!this.#reserve.giveUp(this.#space?.freeBytes ?? Infinity)) return false;
    await this.store.syncFolder(""); // ext4 gives freed blocks out again when their removal is committed
    return true;
  }

  /** Something found no descriptor: blobs give some of theirs back. */
  relieve(): void {
    if (this.store instanceof FileStore) this.store.relieve();
  }

  /** What all logs share. */
  get logContext(): Omit<LogContext, "commit"> {
    const log = logger("storage"), { store, pool, time, timers } = this;
    const expirationMs = this.#config.storage.producerIdExpirationMs;
    return {
      store,
      pool,
      clock: time,
      timers,
      producers: { ...DEFAULT_PRODUCER_LIMITS, expirationMs },
      admits: (bytes) => this.#space?.admits(bytes) ?? true,
      onProblem: (event, details) => {
        if (!CLIENTS_CAUSE.has(event)) return log.warn(event, details);
        log.clientEvent(event, details);
        if (event === "write_failed") this.#space?.look();
      },
    };
  }

  /** What is wrong with the disk, a line each. */
  *problems(): Generator<string> {
    const { minFreeBytes } = this.#config.storage, freeBytes = this.#space?.freeBytes ?? Infinity;
    if (this.#space?.isLow) {
      yield `producers are refused: ${freeBytes} bytes are free, storage.min_free_bytes is ${minFreeBytes}`;
    } else if (freeBytes < FULL_BYTES) {
      yield `the disk is full: ${freeBytes} bytes are free`;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  #background(limitMs: number, mainUrl: string | null): Background {
    const thread = new Background({
      limitMs,
      url: entryUrl ?? mainUrl,
      onProblem: (event, details) => logger("broker").warn(event, details),
    });
    this.#stack.defer(() => thread.stop());
    return thread;
  }

  #takeReserve(freeBytes: number): void {
    const work = this.#spaceWork;
    try {
      this.#reserve.take(freeBytes);
      work.succeeded(RESERVE_FILE, this.clock.nowMs());
    } catch (error) {
      if (!work.failed(RESERVE_FILE, error)) return;
      logger("storage").warn("reserve_failed", { error: String(error) });
    }
  }

  #freeSpace(): FreeSpace {
    const log = logger("storage"), work = this.#spaceWork;
    const { minFreeBytes } = this.#config.storage;
    const space = new FreeSpace({
      freeBytes: () => {
        const freeBytes = this.freeBytes();
        work.succeeded(this.store.name, this.clock.nowMs());
        if (this.isServing) this.#takeReserve(freeBytes);
        return freeBytes;
      },
      minFreeBytes,
      onChange: (isLow, freeBytes) =>
        isLow
          ? log.error("disk_low", { freeBytes, minFreeBytes, action: "producers are refused" })
          : log.warn("disk_has_room", { freeBytes, minFreeBytes, action: "producers are served" }),
      onProblem: (error) => {
        if (!work.failed(this.store.name, error)) return;
        log.warn("free_space_unknown", { error: String(error) });
      },
    });
    if (this.isFile && space.freeBytes === Infinity && minFreeBytes > 0) {
      log.warn("free_space_unknown", { need: "--allow-sys=statfs", action: "no floor is kept" });
    }
    this.#metrics.gauge("storage_free_bytes", "Bytes free on the disk.", () => space.freeBytes);
    this.#metrics.gauge(
      "storage_refuses_writes",
      "1 while producers are refused because fewer bytes than storage.min_free_bytes are free.",
      () => Number(space.isLow),
    );
    return space;
  }
}

/** What happens at every request of a client while the store fails. */
const CLIENTS_CAUSE: ReadonlySet<string> = new Set(["write_failed", "producers_unreadable"]);
const FREE_SPACE_INTERVAL_MS = 1000;
const DECODING_LIMIT_MS = 10_000;
const MATCHING_LIMIT_MS = 3000;
/** Less is no block for a file to grow into. */
const FULL_BYTES = 4096;

function openStore(config: Config): Store {
  const { path } = config.storage;
  if (path === "memory://") return new MemoryStore();
  return new FileStore(path, { maxOpenFiles: config.limits.openFiles });
}
