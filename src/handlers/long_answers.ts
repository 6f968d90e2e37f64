/**
 * LongAnswers: answers of many parts, one for each thing that a request names.
 *
 * A request of some hundred kilobytes may name one topic fifty thousand times, and ask for everything there is to say of
 * it: 600 MB, made in one turn of the event loop. So parts are made until that has taken long; the rest follows in later
 * turns, of one answer at a time, and no answer becomes longer than a limit: what does not fit is refused, part by part.
 * Kafka sets no limit there, and runs out of memory.
 *
 * A part may be something done, too: whatever is named by itself, and may be done by itself.
 */
import type { GivesWay } from "../clock.ts";
import { type Answer, CLOSE, type ConnectionInfo } from "./handler.ts";

export interface LongAnswersOptions {
  readonly turn: GivesWay;
  /** Of one answer, about as it is sent. */
  readonly maxBytes: number;
}

export interface Parts<Item, Part, Whole> {
  /** Taken one by one, as their parts are made. */
  readonly items: Iterable<Item>;
  /** What is answered of one. */
  readonly part: (item: Item) => Part;
  /** The same where it does not fit, with the reason in words; absent where an answer has an end whatever is asked for. */
  readonly tooLong?: (item: Item, reason: string) => Part;
  readonly whole: (parts: Part[]) => Whole;
  /** Whose request it is: when it goes, nobody waits for the rest. */
  readonly connection: Pick<ConnectionInfo, "isEnding" | "hold">;
}

export class LongAnswers {
  readonly #options: LongAnswersOptions;
  /** Resolves when the last of those that wait has had its turn. Never rejects. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: LongAnswersOptions) {
    this.#options = options;
  }

  /** At once where it is short. */
  of<Item, Part, Whole>(parts: Parts<Item, Part, Whole>): Whole | Promise<Answer<Whole>> {
    const making = new Making(parts, this.#options);
    if (making.goOn()) return parts.whole(making.made);
    const answer = this.#inTurns(making, parts);
    parts.connection.hold(answer); // decoded, what comes behind it would take several times its bytes
    return answer;
  }

  async #inTurns<Item, Part, Whole>(
    making: Making<Item, Part>,
    { whole, connection }: Parts<Item, Part, Whole>,
  ): Promise<Answer<Whole>> {
    const before = this.#last, { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    try {
      await before;
      do {
        await this.#options.turn.next();
        if (connection.isEnding) return CLOSE;
      } while (!making.goOn());
      return whole(making.made);
    } finally {
      resolve();
    }
  }
}

/** The parts that are made of an answer. */
class Making<Item, Part> {
  readonly made: Part[] = [];
  readonly #parts: Omit<Parts<Item, Part, never>, "whole">;
  readonly #options: LongAnswersOptions;
  readonly #items: Iterator<Item>;
  #next: IteratorResult<Item>;
  #bytes = 0;

  constructor(parts: Omit<Parts<Item, Part, never>, "whole">, options: LongAnswersOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#items = parts.items[Symbol.iterator]();
    this.#next = this.#items.next();
  }

  /** Makes parts until others should have a turn; whether that is all of them. */
  goOn(): boolean {
    const { part, tooLong } = this.#parts, { turn, maxBytes } = this.#options;
    while (!this.#next.done) {
      const item = this.#next.value;
      if (tooLong !== undefined && this.#bytes > maxBytes) {
        this.made.push(tooLong(item, `an answer takes ${maxBytes} bytes at most: ask for fewer`));
      } else {
        const made = part(item);
        if (tooLong !== undefined) this.#bytes += bytesOf(made);
        this.made.push(made);
      }
      this.#next = this.#items.next();
      if (!this.#next.done && turn.isLong) return false;
    }
    return true;
  }
}

/** About what a value takes as it is sent. */
function bytesOf(value: unknown): number {
  if (typeof value === "string") return value.length + 2;
  if (value === null || typeof value !== "object") return SCALAR_BYTES;
  if (value instanceof Uint8Array) return value.length;
  let bytes = 0;
  if (Array.isArray(value)) { for (const one of value) bytes += bytesOf(one); }
  else for (const name in value) bytes += bytesOf(value[name as keyof typeof value]);
  return bytes;
}

const SCALAR_BYTES = 4;
