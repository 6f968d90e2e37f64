/**
 * Saves: answers that are large, or go on until all is there: so many at a time, each made part by part as it is taken, and
 * ended where its reader is too slow. What they hold of memory does not grow with how many ask.
 */
import { AnswerCut } from "../metrics/http_pages.ts";
import { ApiFailure, toldOf } from "./failure.ts";
import type { Call } from "./route.ts";
import { Turns } from "./turns.ts";

const AT_A_TIME = 8, MAX_WAITING = 64;
/** Of answers that are made, those who wait for their turn included. */
const MAX_HELD_BYTES = 32 * 1024 * 1024;
/** How long a reader may take to take what is there, besides a second for each so many bytes. */
const PATIENCE_MS = 20_000, MIN_BYTES_A_SECOND = 32 * 1024;

export interface SavesOptions {
  readonly atATime?: number;
  readonly maxWaiting?: number;
  readonly patienceMs?: number;
  readonly maxHeldBytes?: number;
}

export class Saves {
  readonly #turns: Turns;
  readonly #patienceMs: number;
  readonly #maxHeldBytes: number;
  #heldBytes = 0;

  constructor({
    atATime = AT_A_TIME,
    maxWaiting = MAX_WAITING,
    patienceMs = PATIENCE_MS,
    maxHeldBytes = MAX_HELD_BYTES,
  }: SavesOptions = {}) {
    this.#turns = new Turns({ atATime, maxWaiting });
    this.#patienceMs = patienceMs;
    this.#maxHeldBytes = maxHeldBytes;
  }

  /** How many there are. */
  get size(): number {
    return this.#turns.taken;
  }

  /** The body, when it is its turn; cut where the user may not have it any more. Throws ApiFailure where too many wait. */
  async bodyOf(
    { mayGoOn, signal }: Pick<Call, "mayGoOn" | "signal">,
    make: () => Promise<AsyncIterable<Uint8Array> | Iterable<Uint8Array>>,
  ): Promise<ReadableStream<Uint8Array>> {
    const end = await this.#turns.hold({ signal });
    try {
      return this.#stream(await make(), { mayGoOn, end });
    } catch (error) {
      end();
      throw error;
    }
  }

  /** The same of what is there already. Throws ApiFailure where all together would hold too much of memory, too. */
  async bodyOfBytes(
    { mayGoOn, signal }: Pick<Call, "mayGoOn" | "signal">,
    bytes: Uint8Array,
  ): Promise<ReadableStream<Uint8Array>> {
    const { length } = bytes;
    if (this.#heldBytes > 0 && this.#heldBytes + length > this.#maxHeldBytes) {
      const message = "too many large answers wait for their readers: try again";
      throw new ApiFailure("too_many_streams", message);
    }
    this.#heldBytes += length;
    try {
      const endTurn = await this.#turns.hold({ signal });
      let isOver = false;
      const end = () => {
        if (!isOver) this.#heldBytes -= length;
        isOver = true;
        endTurn();
      };
      return this.#stream(slicesOf(bytes), { mayGoOn, end });
    } catch (error) {
      this.#heldBytes -= length;
      throw error;
    }
  }

  #stream(
    made: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    { mayGoOn, end }: Pick<Call, "mayGoOn"> & { readonly end: () => void },
  ): ReadableStream<Uint8Array> {
    const patienceMs = this.#patienceMs;
    const parts = Symbol.asyncIterator in made
      ? made[Symbol.asyncIterator]()
      : made[Symbol.iterator]();
    let waitedMs = 0, bytes = 0, givenMs: number | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = () => {
      clearTimeout(timer);
      end();
    };
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const giveUp = () => {
      over();
      controller.error(new AnswerCut("its reader is too slow"));
      void Promise.resolve(parts.return?.()).catch(() => {});
    };
    return new ReadableStream<Uint8Array>({
      start(its) {
        controller = its;
        timer = setTimeout(giveUp, patienceMs); // nobody may ever ask for a part
      },
      async pull() {
        clearTimeout(timer);
        if (givenMs !== null) waitedMs += performance.now() - givenMs;
        try {
          mustGoOn({ mayGoOn });
          const { done, value } = await parts.next();
          if (done) {
            over();
            return controller.close();
          }
          bytes += value.length;
          controller.enqueue(value);
        } catch (error) {
          over();
          void Promise.resolve(parts.return?.()).catch(() => {});
          return controller.error(new AnswerCut(toldOf(error).message));
        }
        givenMs = performance.now();
        const leftMs = patienceMs + bytes / MIN_BYTES_A_SECOND * 1000 - waitedMs;
        timer = setTimeout(giveUp, Math.max(0, leftMs));
      },
      async cancel() {
        over();
        await parts.return?.();
      },
    }, new CountQueuingStrategy({ highWaterMark: 0 }));
  }
}

/** Throws ApiFailure where the user may not have it any more: before each part, and by whoever looks for long for the next. */
export function mustGoOn({ mayGoOn }: Pick<Call, "mayGoOn">): void {
  if (!mayGoOn()) throw new ApiFailure("forbidden", "the user may not see it any more");
}

const PART_BYTES = 64 * 1024;

/** In parts. */
export function* slicesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PART_BYTES) yield bytes.subarray(at, at + PART_BYTES);
}
