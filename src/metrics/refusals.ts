/**
 * Refusals: what the broker refused within about the last hour, and to whom: for /status, and so for `runnel doctor` and
 * whoever watches.
 *
 * Noting one is an entry in a map, and happens where something is refused alone. What is kept is bounded whoever comes:
 * so many entries of each kind in each part of the hour, the rest of that kind counted together; texts are cut.
 */
import { type Clock, systemClock } from "../clock.ts";

/** One that was refused. */
export interface Refusal {
  /** An event of docs/log.md ("login_failed"), "denied" (by ACLs), "produce_failed" (a batch), "connection_refused" … */
  readonly kind: string;
  /** Why: "TOPIC_AUTHORIZATION_FAILED"; null where the kind says it. */
  readonly reason?: string | null;
  /** What was asked for: "write topic:orders", "Fetch v2". */
  readonly what?: string | null;
  /** The peer's, without port. */
  readonly address?: string | null;
  /** "User:alice" */
  readonly principal?: string | null;
  readonly clientId?: string | null;
  /** "apache-kafka-java 3.9.0" */
  readonly software?: string | null;
}

/** The same refused several times. */
export interface RefusedOften extends Required<Refusal> {
  readonly count: number;
  /** ms since 1970 */
  readonly firstMs: number;
  readonly lastMs: number;
}

const PART_MS = 5 * 60_000, PARTS = 12;
/** Entries of one kind in one part; the rest of that kind are counted together. */
const MAX_OF_KIND = 40;
/** Kinds in one part: there are some ten. */
const MAX_KINDS = 32;
const MAX_TEXT = 120;

interface Entry {
  readonly refused: Required<Refusal>;
  count: number;
  firstMs: number;
  lastMs: number;
}

interface OfKind {
  readonly entries: Map<string, Entry>;
  /** Those for whom there was no room. */
  readonly others: Entry;
}

interface Part {
  readonly number: number;
  readonly kinds: Map<string, OfKind>;
}

export class Refusals {
  readonly #clock: Clock;
  /** Oldest first. */
  #parts: Part[] = [];

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  note(refusal: Refusal): void {
    const refused = cut(refusal), nowMs = this.#clock.nowMs(), ofKind = this.#ofKind(refused.kind);
    const key = keyOf(refused);
    let entry = ofKind.entries.get(key);
    if (entry === undefined) {
      entry = ofKind.entries.size < MAX_OF_KIND ? entryOf(refused) : ofKind.others;
      if (entry !== ofKind.others) ofKind.entries.set(key, entry);
    }
    entry.count++;
    entry.firstMs = Math.min(entry.firstMs, nowMs);
    entry.lastMs = Math.max(entry.lastMs, nowMs);
  }

  /** What was refused, the most often first. Of an entry that has a kind alone it is not known whose they were. */
  lately(): RefusedOften[] {
    const found = new Map<string, Entry>();
    for (const { kinds } of this.#current()) {
      for (const { entries, others } of kinds.values()) {
        for (const entry of [...entries.values(), others]) {
          if (entry.count > 0) add(found, entry);
        }
      }
    }
    return [...found.values()].sort((a, b) => b.count - a.count)
      .map(({ refused, ...counts }) => ({ ...refused, ...counts }));
  }

  #ofKind(kind: string): OfKind {
    const number = this.#number, parts = this.#current(number);
    let part = parts.at(-1);
    if (part?.number !== number) this.#parts.push(part = { number, kinds: new Map() });
    const known = part.kinds.has(kind) || part.kinds.size < MAX_KINDS ? kind : "other";
    let ofKind = part.kinds.get(known);
    if (ofKind === undefined) {
      ofKind = { entries: new Map(), others: entryOf(cut({ kind: known })) };
      part.kinds.set(known, ofKind);
    }
    return ofKind;
  }

  /** Those of the last hour; older ones are forgotten. */
  #current(number = this.#number): Part[] {
    const oldest = number - PARTS;
    if (this.#parts.length > 0 && this.#parts[0].number <= oldest) {
      this.#parts = this.#parts.filter(({ number }) => number > oldest);
    }
    return this.#parts;
  }

  get #number(): number {
    return Math.floor(this.#clock.monotonicMs() / PART_MS);
  }
}

function add(found: Map<string, Entry>, entry: Entry): void {
  const key = keyOf(entry.refused), known = found.get(key);
  if (known === undefined) {
    found.set(key, { ...entry });
    return;
  }
  known.count += entry.count;
  known.firstMs = Math.min(known.firstMs, entry.firstMs);
  known.lastMs = Math.max(known.lastMs, entry.lastMs);
}

function keyOf(
  { kind, reason, what, address, principal, clientId, software }: Required<Refusal>,
): string {
  // Null is another than an empty text. A client id with a NUL in it may be counted as another.
  return `${kind}\0${part(reason)}\0${part(what)}\0${part(address)}\0${part(principal)}\0${
    part(clientId)
  }\0${part(software)}`;
}

function part(text: string | null): string {
  return text === null ? "-" : `+${text}`;
}

function entryOf(refused: Required<Refusal>): Entry {
  return { refused, count: 0, firstMs: Infinity, lastMs: -Infinity };
}

function cut(
  {
    kind,
    reason = null,
    what = null,
    address = null,
    principal = null,
    clientId = null,
    software = null,
  }: Refusal,
): Required<Refusal> {
  return {
    kind: short(kind)!,
    reason: short(reason),
    what: short(what),
    address: short(address),
    principal: short(principal),
    clientId: short(clientId),
    software: short(software),
  };
}

function short(text: string | null): string | null {
  return text === null || text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;
}
