/**
 * Askers: the HTTP connections that are open, and who of them makes room for another.
 *
 * When there are as many as there may be, that is the oldest one that has not sent its header yet, or else the oldest
 * that has not taken its answer. Nobody makes room before it had its moment: some time, and a turn of the event loop in
 * which what it sent is read. So many who come again as soon as they are closed take nobody's turn, and what waits to be
 * accepted is taken as quickly as moments allow: the system need not refuse anybody, who would then come again after a
 * second, and two, and four.
 */

interface Connection {
  /** May throw where the peer was faster. */
  close(): void;
}

/** One connection. */
export class Asker {
  readonly #conn: Connection;
  readonly sinceMs: number;
  /** The pauses there had been when it came. */
  readonly pauses: number;
  /** Its header is here. */
  hasAsked = false;
  isClosed = false;

  constructor(conn: Connection, nowMs: number, pauses: number) {
    this.#conn = conn;
    this.sinceMs = nowMs;
    this.pauses = pauses;
  }

  close(): void {
    this.isClosed = true;
    try {
      this.#conn.close();
    } catch { /* Its peer was faster. */ }
  }
}

/**
 * What nobody has to make room before: a header is sent with the connection, so it is short. So long that 10,000 a second
 * may come, within bounds.
 */
const MOMENT_MS = { min: 20, max: 100 }, CONNECTIONS_PER_MS = 10;
/** How many are accepted in a row, before everything else has its turn. */
const BURST = 32;
const PAUSE_MS = 5;

export interface AskersSettings {
  readonly maxConnections: number;
  /** Whether one more may be open besides so many. */
  readonly admits: (open: number) => boolean;
  /** Told of each that made room. */
  readonly onClosed: (asker: Asker) => void;
  /** Monotonic time, and waiting; those of the system unless given. */
  readonly nowMs?: () => number;
  readonly pause?: (ms: number) => Promise<void>;
}

export class Askers {
  readonly #settings: Required<AskersSettings>;
  readonly #momentMs: number;
  /** In the order in which they came. */
  readonly #open = new Set<Asker>();
  #pauses = 0;
  #admitted = 0;
  #isOver = false;

  constructor(settings: AskersSettings) {
    const { nowMs = () => performance.now(), pause = pauseFor } = settings;
    this.#settings = { ...settings, nowMs, pause };
    const { min, max } = MOMENT_MS;
    this.#momentMs = Math.min(max, Math.max(min, settings.maxConnections / CONNECTIONS_PER_MS));
  }

  get size(): number {
    return this.#open.size;
  }

  /** Takes a connection in; resolves when there is room for it, which is at once unless there are too many. */
  async admit(conn: Connection): Promise<Asker> {
    if (++this.#admitted % BURST === 0) await this.#pause(1);
    while (this.#isFull) await this.makeRoom();
    const asker = new Asker(conn, this.#settings.nowMs(), this.#pauses);
    this.#open.add(asker);
    if (this.#isOver) asker.close(); // it waited while the server stopped
    return asker;
  }

  /** Closes one that has had its moment, or waits a little; does nothing where none is open. */
  async makeRoom(): Promise<void> {
    const asker = this.#next();
    if (asker === undefined) return;
    const leftMs = asker.sinceMs + this.#momentMs - this.#settings.nowMs();
    if (leftMs > 0 || asker.pauses === this.#pauses) {
      // Meanwhile it may ask, or go, and another is next.
      return await this.#pause(Math.min(PAUSE_MS, Math.max(1, leftMs)));
    }
    this.remove(asker);
    asker.close();
    this.#settings.onClosed(asker);
  }

  get #isFull(): boolean {
    const { maxConnections, admits } = this.#settings;
    return this.size > 0 && (this.size >= maxConnections || !admits(this.size));
  }

  remove(asker: Asker): void {
    this.#open.delete(asker);
  }

  /** Closes those that are open, and who is still to come. */
  closeAll(): void {
    this.#isOver = true;
    for (const asker of this.#open) asker.close();
  }

  #next(): Asker | undefined {
    for (const asker of this.#open) if (!asker.hasAsked) return asker;
    return this.#open.values().next().value;
  }

  async #pause(ms: number): Promise<void> {
    await this.#settings.pause(ms);
    this.#pauses++;
  }
}

function pauseFor(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
