/**
 * JournalHead: what the first entry of a journal file says of the run that writes it; and the entry that closes a file.
 *
 * The payload of a head has a place for each file of earlier runs that a start would need too, by its number and the last
 * sequence number in it: as long as logs have not been recovered from them, their loss has to be noticed.
 */
import { readInt32, readInt64, writeInt32, writeInt64 } from "../../bytes/int64.ts";
import { ZERO_UUID } from "../../bytes/uuid.ts";
import type { EntrySource, JournalEntry } from "./journal_entry.ts";

/** A journal file that does not change any more. */
export interface FileEnd {
  readonly number: number;
  readonly lastSequence: number;
}

/** What a file's head says of it. */
export interface JournalHead {
  /** The broker epoch of the run that wrote it. */
  readonly run: number;
  /** The run's how manieth file it is. */
  readonly turn: number;
  /** Whether the run's journal, with the files it relies on, says all that was acknowledged. */
  readonly isExact: boolean;
  readonly reliesOn: readonly FileEnd[];
}

/** The head of a file as what an entry is made from. It takes the same number of bytes whatever it says. */
export function headEntry({ run, turn, isExact, reliesOn }: JournalHead): EntrySource {
  const isSaid = isExact && reliesOn.length <= MAX_RELIED_ON;
  return {
    topicId: ZERO_UUID,
    folder: HEAD,
    segmentBase: run,
    position: turn * 2 + (isSaid ? 0 : 1),
    bytes: HEAD_PAYLOAD_BYTES,
    read(into) {
      for (let i = 0; i < MAX_RELIED_ON; i++) {
        const { number, lastSequence } = reliesOn[i] ?? NO_FILE;
        writeInt32(into, i * FILE_BYTES, number);
        writeInt64(into, i * FILE_BYTES + 4, lastSequence);
      }
    },
  };
}

/** The head that an entry is, or null. */
export function headOf(entry: JournalEntry): JournalHead | null {
  if (!isOwn(entry, HEAD)) return null;
  const { segmentBase: run, position, payload } = entry, reliesOn: FileEnd[] = [];
  for (let at = 0; at + FILE_BYTES <= payload.length; at += FILE_BYTES) {
    const number = readInt32(payload, at);
    if (number === NO_FILE.number) continue;
    reliesOn.push({ number, lastSequence: readInt64(payload, at + 4) });
  }
  return { run, turn: Math.floor(position / 2), isExact: position % 2 === 0, reliesOn };
}

/** What ends a file, once the other one has its head: after it the other one must be there. */
export function closeEntry(): EntrySource {
  return { topicId: ZERO_UUID, folder: CLOSE, segmentBase: 0, position: 0, bytes: 0, read() {} };
}

export function isClose(entry: JournalEntry): boolean {
  return isOwn(entry, CLOSE);
}

/** Whether it is of the journal itself, and of no log. */
export function isOfJournal(entry: JournalEntry): boolean {
  return isOwn(entry, HEAD) || isOwn(entry, CLOSE);
}

function isOwn({ topicId, folder }: JournalEntry, kind: string): boolean {
  return topicId === ZERO_UUID && folder === kind;
}

/** Names that no folder of a log has. */
const HEAD = "begin", CLOSE = "close";
/** A run's two files, what was left of older ones, and some more that a start cut off left. */
const MAX_RELIED_ON = 8;
const FILE_BYTES = 12;
export const HEAD_PAYLOAD_BYTES = MAX_RELIED_ON * FILE_BYTES;
const NO_FILE: FileEnd = { number: -2, lastSequence: 0 };
