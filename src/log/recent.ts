/**
 * Recent: the warnings and errors of about the last hour, one entry an event, for /status: what somebody who looks at a
 * broker now would have to search its log for. Bounded whoever causes them: so many events, each with the fields of one.
 */
export interface RecentEvent {
  /** "storage" */
  readonly room: string;
  readonly level: "warn" | "error";
  /** As in docs/log.md. */
  readonly event: string;
  /** Since `firstMs`. */
  readonly count: number;
  /** ms since 1970 */
  readonly firstMs: number;
  readonly lastMs: number;
  /** Of one of the last, as the log has them. */
  readonly fields: Readonly<Record<string, unknown>>;
}

interface Entry {
  readonly room: string;
  readonly level: "warn" | "error";
  readonly event: string;
  count: number;
  firstMs: number;
  lastMs: number;
  fields: Readonly<Record<string, unknown>>;
  /** When the fields were taken: not of each, since many may come in a second. */
  fieldsMs: number;
}

const HOUR_MS = 3_600_000, FIELDS_MS = 1000;
/** There are some hundred events; one that comes when there is no room takes that of the one that is longest over. */
const MAX_EVENTS = 200;

export class RecentEvents {
  /** By room and event; the one whose last is oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  note(
    { room, level, event, fields }: Pick<Entry, "room" | "level" | "event"> & {
      readonly fields: () => Readonly<Record<string, unknown>>;
    },
  ): void {
    const nowMs = this.#nowMs(), key = `${room} ${event}`;
    let entry = this.#entries.get(key);
    if (entry === undefined || nowMs - entry.lastMs > HOUR_MS) {
      if (entry === undefined && this.#entries.size >= MAX_EVENTS) this.#forgetOne();
      entry = {
        room,
        level,
        event,
        count: 0,
        firstMs: nowMs,
        lastMs: nowMs,
        fields: {},
        fieldsMs: -Infinity,
      };
    }
    this.#entries.delete(key); // to the end
    this.#entries.set(key, entry);
    entry.count++;
    entry.lastMs = nowMs;
    if (nowMs - entry.fieldsMs < FIELDS_MS) return;
    entry.fields = fields();
    entry.fieldsMs = nowMs;
  }

  /** The latest first. */
  lately(): RecentEvent[] {
    const nowMs = this.#nowMs();
    return [...this.#entries.values()].filter(({ lastMs }) => nowMs - lastMs <= HOUR_MS).reverse()
      .map(({ fieldsMs: _, ...event }) => event);
  }

  #forgetOne(): void {
    for (const key of this.#entries.keys()) return void this.#entries.delete(key);
  }
}
