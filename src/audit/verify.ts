/**
 * Verify: whether audit files hold what was written into them, one line after the other, as far as hashes can tell.
 *
 * A chain says that nothing between its first and its last line was altered, taken out or put in by who cannot make all
 * hashes behind it anew: without a key anybody who can write the files can; with one only who has the key. That lines are
 * missing at the end is told by the head, which who can write the files can write as well: what proves it is a head that
 * was noted elsewhere. What the oldest file was preceded by is not known.
 */
import type { Blob, Store } from "../storage/store.ts";
import { hasFile, linesOf, parsedLine, rotatedFiles } from "./audit_lines.ts";
import { type HashLine, headName, type Link, readHead } from "./chain.ts";

/** Where the files are: it is only read. A Store is one; one that makes nothing by opening is better. */
export interface AuditFolder extends Pick<Store, "list" | "readAll"> {
  open(path: string): Pick<Blob, "size" | "read" | "close">;
}

export interface AuditVerdict {
  readonly files: number;
  readonly lines: number;
  /** Of the first line; 0 where there is none. */
  readonly firstSeq: number;
  readonly last: Link | null;
  /** The first thing that is not right, with file and line; null: all is. */
  readonly problem: string | null;
  /** What is not as it could be and is no fault: a line that a crash cut off. */
  readonly notes: readonly string[];
}

/** Looks at all files of an audit, the oldest first. `noted` is a head that was noted elsewhere. */
export function verifyAudit(
  store: AuditFolder,
  name: string,
  { hash, noted = null }: { readonly hash: HashLine; readonly noted?: Link | null },
): AuditVerdict {
  const names = [...rotatedFiles(store, name), ...(hasFile(store, name) ? [name] : [])];
  const walk = new Walk(hash);
  const head = readHead(store.readAll(headName(name)));
  const wanted = [
    ...(head === null ? [] : [{ link: head, what: `the head (${headName(name)})` }]),
    ...(noted === null ? [] : [{ link: noted, what: "the head that was noted" }]),
  ];
  for (const file of names) {
    const blob = store.open(file);
    try {
      let number = 0;
      for (const { bytes, isWhole } of linesOf(blob)) {
        walk.take(bytes, { at: `${file}:${++number}`, isWhole, wanted });
        if (walk.problem !== null) return walk.verdict(names.length);
      }
    } finally {
      blob.close();
    }
  }
  walk.end(wanted);
  if (head === null && walk.problem === null) {
    walk.notes.push(`there is no ${headName(name)}: a tail that was cut off is not missed`);
  }
  return walk.verdict(names.length);
}

interface Wanted {
  readonly link: Link;
  readonly what: string;
}

class Walk {
  problem: string | null = null;
  readonly notes: string[] = [];
  readonly #hash: HashLine;
  #lines = 0;
  #firstSeq = 0;
  #last: Link | null = null;
  /** Where a line was cut off, which the next one has to say. */
  #tornAt: string | null = null;
  #isCut = false;

  constructor(hash: HashLine) {
    this.#hash = hash;
  }

  take(
    bytes: Uint8Array,
    { at, isWhole, wanted }: {
      readonly at: string;
      readonly isWhole: boolean;
      readonly wanted: readonly Wanted[];
    },
  ): void {
    this.#lines++;
    const hash = this.#hash(bytes), before = this.#last, line = parsedLine(bytes);
    if (line === null) {
      this.#tornAt ??= at; // what was being written behind one may have been cut off as well
      this.#isCut = !isWhole;
      // Its number is not counted: who goes on after a crash does not know it.
      this.#last = { seq: before?.seq ?? 0, hash };
      return;
    }
    const { seq, prev } = line;
    if (!Number.isSafeInteger(seq)) return this.#wrong(at, `has the number ${show(seq)}`);
    if (typeof prev !== "string") {
      return this.#wrong(at, "carries no hash: it was written without audit.hash_chain");
    }
    if (before === null) this.#firstSeq = seq as number;
    else if (prev !== before.hash) {
      return this.#wrong(at, `carries the hash ${show(prev)}, the line before has ${before.hash}`);
    }
    if (this.#tornAt !== null) {
      if (line.torn !== true) {
        return this.#wrong(this.#tornAt, "is no JSON object, and the next line knows of no crash");
      }
      this.notes.push(`${this.#tornAt} was cut off by a crash, as the next line says`);
      this.#tornAt = null;
    }
    if (before !== null && seq !== before.seq + 1) {
      return this.#wrong(
        at,
        `has the number ${seq}, due is ${before.seq + 1}: lines before it are missing`,
      );
    }
    this.#last = { seq: seq as number, hash };
    for (const { link, what } of wanted) {
      if (link.seq === seq && link.hash !== hash) {
        return this.#wrong(at, `has the hash ${hash}, ${what} has ${link.hash}`);
      }
    }
  }

  /** All lines were taken. */
  end(wanted: readonly Wanted[]): void {
    if (this.problem !== null) return;
    if (this.#tornAt !== null) {
      const why = this.#isCut
        ? "was cut off: a broker is writing it, or was killed"
        : "is no line: what a broker was writing that was killed, or something that was put in";
      this.notes.push(`${this.#tornAt} ${why}`);
    }
    const last = this.#last?.seq ?? 0;
    for (const { link, what } of wanted) {
      if (link.seq > last) {
        this.problem =
          `the tail is cut off: ${what} knows of line ${link.seq}, the last one there is ${last}`;
        return;
      }
      if (link.seq < this.#firstSeq) {
        this.notes.push(`${what} is of line ${link.seq}, which is in no file any more`);
      }
    }
  }

  verdict(files: number): AuditVerdict {
    return {
      files,
      lines: this.#lines,
      firstSeq: this.#firstSeq,
      last: this.#last,
      problem: this.problem,
      notes: this.notes,
    };
  }

  #wrong(at: string, what: string): void {
    this.problem = `${at} ${what}`;
  }
}

/** A value of a line that may be anything. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "none";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
