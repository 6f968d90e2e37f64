/** Sources: where records come from: lines of files or of standard input, whole files, or the command line itself. */
import { ConfigError } from "../../config/load.ts";
import type { Interrupt } from "../interrupt.ts";
import { printable } from "../table.ts";
import { GatheredBytes } from "./gathered_bytes.ts";
import { Lines, LineTooLong } from "./lines.ts";
import type { Reader } from "./written.ts";
import type { WrittenRecord } from "../record_json.ts";

/** Records that came together. */
export interface SourceRecords {
  readonly origin: Origin;
  /** Of the first one; those behind it count on. */
  readonly number: number;
  readonly records: Iterable<WrittenRecord>;
}

/** Where records come from: a file, the command line. */
export interface Origin {
  /** Of a record, by its number: "line 3 of orders.txt" */
  nameOf(number: number): string;
}

/** Why it is no file to read, so that nothing is sent of those before it; null where nothing is known against it. */
export function unfitness(name: string): string | null {
  if (name === "-") return null;
  try {
    return Deno.statSync(name).isDirectory ? `${printable(name)} is a directory` : null;
  } catch (error) {
    // All else is told where it is opened.
    return error instanceof Deno.errors.NotFound ? `There is no file ${printable(name)}` : null;
  }
}

/** An interrupt ends it. Throws ConfigError with the line that is none. */
export async function* linesOf(
  names: readonly string[],
  { read, interrupt }: { readonly read: Reader; readonly interrupt: Interrupt },
): AsyncGenerator<SourceRecords, void> {
  for (const name of names) {
    using input = opened(name);
    const lines = new Lines(MAX_BYTES), shown = name === "-" ? "standard input" : name;
    const origin: Origin = { nameOf: (number) => `line ${number} of ${shown}` };
    let number = 0;
    const recordOf = (line: Uint8Array): WrittenRecord => {
      const record = read(line);
      number++;
      if (typeof record !== "string") return record;
      throw new ConfigError(`${origin.nameOf(number)} ${printable(record)}`);
    };
    const tooLong = (error: unknown) =>
      error instanceof LineTooLong
        ? new ConfigError(`${origin.nameOf(number + 1)} ${error.message}`)
        : error;
    let chunk = new Uint8Array(CHUNK_BYTES);
    for (let isOver = false; !isOver;) {
      const count = await stoppable(input.read(chunk), interrupt);
      if (interrupt.isAsked) return;
      isOver = count === null;
      // Lines are views of it: a few bytes do not keep the room of many.
      const isMuch = count !== null && count >= CHUNK_BYTES / 4;
      const came = isMuch ? chunk.subarray(0, count) : chunk.slice(0, count ?? 0);
      if (isMuch) chunk = new Uint8Array(CHUNK_BYTES);
      const found = function* () {
        try {
          const some = count === null ? lastOf(lines) : lines.fed(came);
          for (const line of some) yield recordOf(line);
        } catch (error) {
          throw tooLong(error);
        }
      };
      yield { origin, number: number + 1, records: found() };
    }
  }
}

/** Each file a record. */
export async function* filesOf(
  names: readonly string[],
  read: Reader,
): AsyncGenerator<SourceRecords, void> {
  for (const name of names) {
    using input = opened(name);
    const whole = new GatheredBytes(MAX_BYTES), chunk = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      const count = await input.read(chunk);
      if (count === null) break;
      if (!whole.takes(count)) {
        throw new ConfigError(`${name} ${new LineTooLong(MAX_BYTES).message}`);
      }
      whole.add(chunk.subarray(0, count));
    }
    const record = read(whole.taken());
    if (typeof record === "string") throw new ConfigError(`${name} ${printable(record)}`);
    yield { origin: { nameOf: () => name }, number: 1, records: [record] };
  }
}

/** The same record so many times. */
export async function* repeated(
  record: WrittenRecord,
  count: number,
): AsyncGenerator<SourceRecords, void> {
  const origin: Origin = { nameOf: (number) => `record ${number}` };
  for (let number = 1; number <= count; number++) yield { origin, number, records: [record] };
}

/** The read, or null when the interrupt comes first; nothing stays behind of it, however many there are. */
function stoppable(read: Promise<number | null>, interrupt: Interrupt): Promise<number | null> {
  return new Promise((resolve, reject) => {
    interrupt.called = () => resolve(null);
    read.then(resolve, reject);
  });
}

function lastOf(lines: Lines): Uint8Array[] {
  const rest = lines.rest();
  return rest === null ? [] : [rest];
}

interface Input extends Disposable {
  read(into: Uint8Array): Promise<number | null>;
}

function opened(name: string): Input {
  if (name === "-") return { read: (into) => Deno.stdin.read(into), [Symbol.dispose]() {} };
  return Deno.openSync(name);
}

const CHUNK_BYTES = 64 << 10;
/** Of a line, or of a file as a whole. Brokers take 1 MiB unless they are told to take more. */
export const MAX_BYTES = 32 << 20;
