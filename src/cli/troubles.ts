/**
 * Troubles: tells whoever waits for a command that a broker does not answer, and that it does again. Commands try on, some
 * of them without end, and who looks at them should know for what; what is over at once nobody needs to hear of.
 */
import { printable } from "./table.ts";

interface Trouble {
  readonly sinceMs: number;
  /** Null: nobody was told. */
  toldAtMs: number | null;
}

export class Troubles {
  readonly #say: (line: string) => void;
  readonly #nowMs: () => number;
  readonly #open = new Map<string, Trouble>();

  constructor(say = sayOnStandardError, nowMs = () => performance.now()) {
    this.#say = say;
    this.#nowMs = nowMs;
  }

  /** What became of an attempt to connect, as Cluster tells it. */
  heard(address: string, failure: Error | null): void {
    const trouble = this.#open.get(address), nowMs = this.#nowMs();
    if (failure === null) {
      this.#open.delete(address);
      if (trouble !== undefined && trouble.toldAtMs !== null) {
        this.#say(`runnel: ${printable(address)} answers again`);
      }
    } else if (trouble === undefined) {
      this.#open.set(address, { sinceMs: nowMs, toldAtMs: null });
    } else if (nowMs - (trouble.toldAtMs ?? trouble.sinceMs) >= waitMs(trouble)) {
      trouble.toldAtMs = nowMs;
      this.#say(`runnel: ${printable(failure.message)}; trying on`);
    }
  }
}

const waitMs = ({ toldAtMs }: Trouble) => toldAtMs === null ? FIRST_MS : AGAIN_MS;
const FIRST_MS = 3000;
const AGAIN_MS = 30_000;

/** On a line of its own, also where a progress bar is drawn. */
function sayOnStandardError(line: string): void {
  console.error(Deno.stderr.isTerminal() ? `\r\x1b[K${line}` : line);
}
