/**
 * HeldLog: one partition's files, taken before the cut, so that compaction, retention and deletion after it take nothing
 * away: a descriptor goes on reading what was renamed or removed.
 *
 *     take()      before the cut: everything there is, of one moment
 *     complete()  after it: what was appended, and segments begun since
 *
 * What compaction took out before take() is of no one's concern, the log had it no more; what it takes out later is in the
 * descriptors. Only a segment that was begun, closed and compacted all between take() and complete() escapes: it has a
 * gap, which a segment as written never has, so the copy finds it and asks for another cut.
 *
 * Where the process may not open so many files, a log is only noted: which file bears which name. Its files are then
 * opened one by one as they are copied, and must still be the same. Its small files are read at once: a later checkpoint
 * begins the leader epoch at a log start beyond the cut's, and the batches that are copied would contradict it.
 */
import type { NamedPartition } from "./cut.ts";
import { type SourceDirectory, type SourceFile, TooManyFilesError } from "./source_directory.ts";

/** What the cut needs is not there any more: another cut is to be taken. */
export class OvertakenError extends Error {
  override readonly name = "OvertakenError";
}

/** A file of the log, which may have to be opened yet. */
export interface HeldFile {
  readonly name: string;
  /** It came to be after take(), so it must have no gap. */
  readonly isNew: boolean;
  readonly id: string;
  readonly file: SourceFile | null;
  /** What it said at take(), of a small file that is not held. */
  readonly content: Uint8Array | null;
}

export class HeldLog implements Disposable {
  readonly of: NamedPartition;
  readonly folder: string;
  readonly #source: SourceDirectory;
  #files: HeldFile[];

  private constructor(source: SourceDirectory, of: NamedPartition, files: HeldFile[]) {
    this.#source = source;
    this.of = of;
    this.folder = `${of.topic}-${of.partition}`;
    this.#files = files;
  }

  static async take(source: SourceDirectory, of: NamedPartition): Promise<HeldLog> {
    const folder = `${of.topic}-${of.partition}`, isWanted = (name: string) => WANTED.test(name);
    return new HeldLog(source, of, await held(source, folder, isWanted, false));
  }

  /** By name. */
  get files(): readonly HeldFile[] {
    return this.#files;
  }

  /** Takes what came to be up to the cut, at `endOffset`. */
  async complete(endOffset: number): Promise<void> {
    for (const { file } of this.#files) file?.lookAgain();
    const known = new Set(this.#files.map(({ name }) => name));
    const last = this.#files.findLast(({ name }) => isLog(name));
    const lastBase = last === undefined ? -1 : baseOf(last.name);
    const isWanted = (name: string) =>
      NUMBERED.test(name) && !known.has(name) && baseOf(name) > lastBase &&
      baseOf(name) <= endOffset;
    const files = await held(this.#source, this.folder, isWanted, true);
    this.#files = [...this.#files, ...files].sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** The file, open; null when it is there no more. Throws OvertakenError when another bears its name. */
  open({ name, id, file }: HeldFile): SourceFile | null {
    if (file !== null) return file;
    const opened = this.#source.openOne(this.folder, name);
    if (opened === null || opened.id === id || !isLog(name)) return opened;
    opened[Symbol.dispose]();
    throw new OvertakenError(
      `${this.folder}/${name} was compacted before it was copied, and more files than the process may open (${this.#source.maxOpenFiles}) would have had to be held; allow it more (ulimit -n)`,
    );
  }

  /** Where the log begins on the disk now; Infinity when nothing is there. */
  async firstBase(): Promise<number> {
    const logs = await this.#source.note(this.folder, (name) => NUMBERED.test(name) && isLog(name));
    return Math.min(...[...logs.keys()].map(baseOf));
  }

  /** Gives the descriptors back. */
  [Symbol.dispose](): void {
    for (const { file } of this.#files) file?.[Symbol.dispose]();
  }
}

export function isLog(name: string): boolean {
  return name.endsWith(".log");
}

/** The offset that a file's name begins with. */
export function baseOf(name: string): number {
  return Number(name.slice(0, 20));
}

async function held(
  source: SourceDirectory,
  folder: string,
  isWanted: (name: string) => boolean,
  isNew: boolean,
): Promise<HeldFile[]> {
  try {
    const files = await source.open(folder, isWanted);
    return files.map((file) => ({ name: file.name, id: file.id, file, isNew, content: null }));
  } catch (error) {
    if (!(error instanceof TooManyFilesError)) throw error;
    const noted = await source.note(folder, isWanted);
    return [...noted].map(([name, id]) => {
      const content = NUMBERED.test(name) ? null : contentNow(source, folder, name);
      return { name, id, file: null, isNew, content };
    });
  }
}

function contentNow(source: SourceDirectory, folder: string, name: string): Uint8Array | null {
  using file = source.openOne(folder, name);
  return file && contentOf(file);
}

/** All of a small file. */
export function contentOf(file: SourceFile): Uint8Array {
  const bytes = new Uint8Array(file.size);
  return bytes.subarray(0, file.read(0, bytes));
}

const NUMBERED = /^\d{20}\.(log|snapshot)$/;
const WANTED = /^(\d{20}\.(log|snapshot)|leader-epoch-checkpoint|partition\.metadata)$/;
