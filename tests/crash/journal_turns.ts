/**
 * JournalTurns: how often the broker has gone on to the other journal file, seen from outside by the sequence number of
 * each file's first entry (see src/storage/durability/journal.ts for the layout).
 */
import { readInt64 } from "../../src/bytes/int64.ts";
import { JOURNAL_FILES } from "../../src/storage/durability/journal.ts";

export class JournalTurns {
  readonly #folder: string;
  #before: (number | null)[] = [null, null];
  #hasBegun = false;
  count = 0;

  /** Of the journal in this data directory. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Looks at the files; often enough that no file begins anew twice between two looks. */
  look(): void {
    const now = this.#read();
    for (const [i, sequence] of now.entries()) {
      if (sequence === null || sequence === this.#before[i]) continue;
      // After a start the first file is the first to be written: that is no turn.
      if (i === 0 && !this.#hasBegun) this.#hasBegun = true;
      else this.count++;
    }
    this.#before = now;
  }

  /** The broker has ended, and the next one begins its own journal. */
  ended(): void {
    this.look();
    this.#hasBegun = false;
  }

  #read(): (number | null)[] {
    return JOURNAL_FILES.map((name) => firstSequence(`${this.#folder}/${name}`));
  }
}

/** null when there is no such file, or nothing in it. */
function firstSequence(path: string): number | null {
  try {
    using file = Deno.openSync(path, { read: true });
    const header = new Uint8Array(16);
    return file.readSync(header) === header.length ? readInt64(header, 8) : null;
  } catch {
    return null; // there is none yet, or the file system is cut off
  }
}
