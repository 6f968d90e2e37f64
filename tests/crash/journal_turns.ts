/**
 * JournalTurns: how often the broker has gone on to its other journal file, seen from outside by the sequence number of
 * each file's first entry (its layout is in src/storage/durability/journal_entries.ts). Each run writes two files of its own.
 */
import { readInt64 } from "../../src/bytes/int64.ts";

export class JournalTurns {
  readonly #folder: string;
  /** By name, the first sequence number that was seen last. */
  readonly #seen = new Map<string, number>();
  #hasBegun = false;
  count = 0;

  /** Of the journal in this data directory. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Looks at the files; often enough that no file begins anew twice between two looks. */
  look(): void {
    for (const name of journalNames(this.#folder)) {
      const sequence = firstSequence(`${this.#folder}/${name}`);
      if (sequence === null || sequence === this.#seen.get(name)) continue;
      this.#seen.set(name, sequence);
      // The first that a run begins is no turn.
      if (this.#hasBegun) this.count++;
      this.#hasBegun = true;
    }
  }

  /** The broker has ended, and the next one begins its own journal. */
  ended(): void {
    this.look();
    this.#hasBegun = false;
  }
}

function journalNames(folder: string): string[] {
  try {
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    return names.filter((name) => name.startsWith("runnel-journal-"));
  } catch {
    return []; // the file system is cut off
  }
}

/** null when there is no such file, or nothing in it. */
function firstSequence(path: string): number | null {
  try {
    using file = Deno.openSync(path, { read: true });
    const header = new Uint8Array(HEADER_BYTES);
    return file.readSync(header) === header.length ? readInt64(header, SEQUENCE_AT) : null;
  } catch {
    return null; // the file is gone already, or the file system is cut off
  }
}

const HEADER_BYTES = 16, SEQUENCE_AT = 8;
