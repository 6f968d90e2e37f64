/**
 * Streams: answers of one JSON value a line that go on: so many at a time, each with a bounded queue. Who reads too slowly
 * loses lines and is told how many; nothing waits for a reader, and none costs more than its queue.
 */
import { LIMITS, type StreamLine } from "./api.ts";
import { ApiFailure } from "./failure.ts";
import type { Call } from "./route.ts";

const QUEUE_BYTES = 256 * 1024, BEAT_MS = 10_000;
const ENCODER = new TextEncoder();

/** A line as it is sent, so that it is made once for all who get it. */
export function lineOf(value: unknown): Uint8Array {
  return ENCODER.encode(`${JSON.stringify(value)}\n`);
}

export class Streams {
  readonly #open = new Set<LineStream>();
  readonly #nowMs: () => number;

  readonly #beatMs: number;

  constructor(nowMs: () => number, { beatMs = BEAT_MS }: { readonly beatMs?: number } = {}) {
    this.#nowMs = nowMs;
    this.#beatMs = beatMs;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Throws ApiFailure where there are too many. It ends with the signal, and where it may not go on: before the next line,
   * and within 10 s; `onEnd` is called once.
   */
  open(
    { signal, mayGoOn }: Pick<Call, "signal" | "mayGoOn">,
    onEnd: () => void,
  ): LineStream {
    if (this.#open.size >= LIMITS.maxStreams) {
      const message = `${this.#open.size} streams are open: close another tab`;
      throw new ApiFailure("too_many_streams", message);
    }
    if (signal.aborted) throw new ApiFailure("too_late", "nobody reads");
    const stream = new LineStream(signal, {
      nowMs: this.#nowMs,
      beatMs: this.#beatMs,
      mayGoOn,
      onEnd: () => {
        this.#open.delete(stream);
        onEnd();
      },
    });
    this.#open.add(stream);
    return stream;
  }

  /** The broker stops. */
  endAll(reason: string): void {
    for (const stream of this.#open) stream.end(reason);
  }
}

class LineStream {
  readonly response: Response;
  readonly #nowMs: () => number;
  readonly #mayGoOn: () => boolean;
  readonly #onEnd: () => void;
  readonly #beat: ReturnType<typeof setInterval>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #dropped = 0;
  #hasSent = false;
  #isOver = false;
  /** Called when there is room in the queue. */
  #roomy: () => void = () => {};

  constructor(
    signal: AbortSignal,
    { nowMs, beatMs, mayGoOn, onEnd }: {
      readonly nowMs: () => number;
      readonly beatMs: number;
      readonly mayGoOn: () => boolean;
      readonly onEnd: () => void;
    },
  ) {
    this.#nowMs = nowMs;
    this.#mayGoOn = mayGoOn;
    this.#onEnd = onEnd;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#roomy(),
      cancel: () => this.#close(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: QUEUE_BYTES }));
    const headers = { "content-type": "application/x-ndjson", "x-accel-buffering": "no" };
    this.response = new Response(body, { headers });
    this.#beat = setInterval(() => {
      if (!this.#goesOn()) return;
      if (!this.#hasSent) this.send(this.#line({ type: "beat", nowMs: this.#nowMs() }));
      this.#hasSent = false;
    }, beatMs);
    signal.addEventListener("abort", () => this.end("nobody reads"), { once: true });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Drops the line where the queue is full. */
  send(line: Uint8Array): void {
    if (this.#isOver || !this.#goesOn()) return;
    if ((this.#controller.desiredSize ?? 0) <= 0) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      this.#controller.enqueue(this.#line({ type: "dropped", lines: this.#dropped }));
      this.#dropped = 0;
    }
    this.#controller.enqueue(line);
    this.#hasSent = true;
  }

  /** Resolves when the queue takes more, or the stream is over: for who can wait. */
  async room(): Promise<void> {
    while (!this.#isOver && (this.#controller.desiredSize ?? 0) <= 0) {
      await new Promise<void>((resolve) => this.#roomy = resolve);
    }
  }

  #goesOn(): boolean {
    if (this.#mayGoOn()) return true;
    this.end("the user may not see it any more");
    return false;
  }

  end(reason: string): void {
    if (this.#isOver) return;
    this.#controller.enqueue(this.#line({ type: "end", reason }));
    this.#controller.close();
    this.#close();
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#beat);
    this.#roomy();
    this.#onEnd();
  }

  #line(line: StreamLine): Uint8Array {
    return lineOf(line);
  }
}
