/**
 * Judge: what came of a damaged directory, by what clients were answered, what the log says and what the files are.
 *
 * - served right: every answer is the one of the undamaged directory
 * - healed with a warning: the same, and a warning names the file or its partition
 * - offline in words: what is damaged answers an error that clients wait on, a line says why, all else is right
 * - refused in words: the start is refused by a message that names what and where, and nothing on disk has changed
 *
 * Anything else is a fault: another answer, an error elsewhere, bytes gone, a hang, an exception, silence.
 */
import * as batch from "../../src/protocol/records/batch.ts";
import type { Answer, Answers } from "./answers.ts";
import { CLUSTER } from "./answers.ts";
import { GROUPS, offsetsPartitionOf } from "./contents.ts";
import { folderOf, nameOf, sameBytes, startsWith, type Tree } from "./tree.ts";

export type Outcome =
  | "served right"
  | "healed with a warning"
  | "offline in words"
  | "refused in words";
export const OUTCOMES: readonly Outcome[] = [
  "served right",
  "healed with a warning",
  "offline in words",
  "refused in words",
];

export interface LogLine {
  readonly level: string;
  /** Message and fields. */
  readonly text: string;
}

/** What a case was, as far as it is judged. */
export interface Damaged {
  /** The damaged paths, which a warning has to name one of. */
  readonly paths: readonly string[];
  /** The partitions that may be offline for it. */
  readonly partitions: readonly string[];
  readonly before: Tree;
  /** With the damage. */
  readonly damaged: Tree;
}

export interface Verdict {
  readonly outcome: Outcome | null;
  readonly faults: readonly string[];
}

/** KafkaStorageException and what else makes a client wait or stop, and never makes it go on with something wrong. */
const HONEST = new Set([2, 5, 6, 9, 14, 15, 16, 56]);

/** What of a thing differs from what it should be: faults, and the questions that an honest error answers. */
export interface Difference {
  readonly faults: string[];
  /** By thing, the errors. */
  readonly refused: Map<string, Set<number>>;
}

export function compare(should: Answers, is: Answers, when: string): Difference {
  const faults: string[] = [];
  const refused = new Map<string, Set<number>>();
  for (const [thing, questions] of should) {
    for (const [question, expected] of questions) {
      const given = is.get(thing)?.get(question);
      const told = `${when}${thing}: ${question}`;
      if (given === undefined && question.startsWith("last stable offset")) {
        continue; // its read gave an error, which is judged by itself
      } else if (given === undefined) {
        faults.push(`${told}: no answer`);
      } else if (isRight(expected, given)) {
        continue;
      } else if (HONEST.has(given.error)) {
        const errors = refused.get(thing) ?? new Set();
        refused.set(thing, errors.add(given.error));
      } else {
        faults.push(`${told}: ${shown(given)}, should be ${shown(expected)}`);
      }
    }
  }
  return { faults, refused };
}

/** A read may give fewer batches than it could, but not none. What lies behind them is asked for by itself. */
function isRight(expected: Answer, given: Answer): boolean {
  if (expected.error !== given.error || expected.value !== given.value) return false;
  const all = expected.parts ?? [], some = given.parts ?? [];
  if (some.length === 0 && all.length > 0) return false;
  return some.length <= all.length && some.every((part, i) => part === all[i]);
}

function shown({ error, value, parts }: Answer): string {
  if (error !== 0) return `error ${error}`;
  const text = parts === undefined ? value : `${value} [${parts.join(" | ")}]`;
  return text.length < 240 ? text : `${text.slice(0, 240)}…`;
}

/** The partition whose files hold a thing's state. */
export function partitionOf(thing: string): string {
  const group = GROUPS.find(({ id }) => thing === `group ${id}`);
  return group ? offsetsPartitionOf(group.id) : thing;
}

export function judgeServed(
  damage: Damaged,
  difference: Difference,
  lines: readonly LogLine[],
  after: Tree,
): Verdict {
  const faults = [...difference.faults, ...lostBytes(damage, after)];
  const warnings = lines.filter(({ level }) => level !== "info" && level !== "debug");
  const offline = new Set<string>();
  for (const [thing, errors] of difference.refused) {
    const partition = partitionOf(thing);
    if (thing === CLUSTER || !damage.partitions.includes(partition)) {
      faults.push(`${thing} answers ${[...errors]}, and is not what is damaged`);
    } else offline.add(partition);
  }
  for (const partition of offline) {
    if (warnings.some(({ text }) => text.includes(partition))) continue;
    const isTold = lines.some(({ text }) => text.includes(partition));
    faults.push(
      `${partition} is offline, and ${isTold ? "only a line at INFO" : "no line"} says why`,
    );
  }
  if (faults.length > 0) return { outcome: null, faults };
  if (offline.size > 0) return { outcome: "offline in words", faults };
  const names = damage.paths.flatMap((path) => [nameOf(path), folderOf(path) || path]);
  if (warnings.some(({ text }) => names.some((name) => text.includes(name)))) {
    return { outcome: "healed with a warning", faults };
  }
  return silentlyChanged(damage, after) ?? { outcome: "served right", faults };
}

/** A log is not changed back without a word. */
function silentlyChanged({ paths, damaged }: Damaged, after: Tree): Verdict | null {
  for (const path of paths) {
    const then = damaged.get(path), now = after.get(path);
    if (!path.endsWith(".log") || !then || then.length === 0) continue;
    if (!now || startsWith(now, then)) continue;
    return { outcome: null, faults: [`${path} was changed, and no warning says so`] };
  }
  return null;
}

export function judgeRefused(damage: Damaged, error: unknown, after: Tree): Verdict {
  const faults: string[] = [];
  const message = error instanceof Error ? error.message : String(error);
  const names = damage.paths.flatMap((path) => path.split("/"));
  if (
    !(error instanceof Error) || /^(Type|Range|Syntax|Reference|Assertion)Error$/.test(error.name)
  ) {
    faults.push(`refused by an exception: ${error}`);
  } else if (message.length < 20 || !names.some((name) => message.includes(name))) {
    faults.push(`refused without naming the place: ${message}`);
  }
  faults.push(...changes(damage.damaged, after));
  return { outcome: faults.length > 0 ? null : "refused in words", faults };
}

/** A refused start changes nothing. The lock's file has no content, and may come. */
function changes(before: Tree, after: Tree): string[] {
  const found: string[] = [];
  for (const [at, bytes] of before) {
    const now = after.get(at);
    if (now === undefined) found.push(`refused, and ${at} is gone`);
    else if (bytes !== null && now !== null && !sameBytes(bytes, now)) {
      found.push(`refused, and ${at} has changed`);
    }
  }
  for (const at of after.keys()) {
    if (!before.has(at) && at !== ".lock") found.push(`refused, and ${at} is new`);
  }
  return found;
}

/** Folders and bytes of logs that were there and are nowhere any more. */
function lostBytes({ before, damaged }: Damaged, after: Tree): string[] {
  const lost: string[] = [];
  const folders = [...after].filter(([_, bytes]) => bytes === null).map(([at]) => at);
  const files = [...after].flatMap(([at, bytes]) => bytes === null ? [] : [{ at, bytes }]);
  for (const [at, bytes] of damaged) {
    if (isMarkedDeleted(at)) continue;
    if (bytes === null) {
      if (folders.some((now) => now === at || now.startsWith(`${at}.`))) continue;
      lost.push(`the folder ${at} is gone`);
    } else if (at.endsWith(".log") || !before.has(at)) {
      if (bytes.length === 0 || isSmallOfOurs(at, before)) continue;
      const original = before.get(at);
      const needed = mayBeTorn(at, before) ? wholeBatches(bytes) : bytes;
      const isThere = files.some((file) =>
        startsWith(file.bytes, needed) ||
        original && file.at === at && startsWith(file.bytes, original)
      );
      if (!isThere) lost.push(`bytes of ${at} are gone`);
    }
  }
  return lost;
}

/** After kill -9 nothing but the metadata log's own bytes says where it ended: half a batch there may be a crash's. */
const mayBeTorn = (path: string, before: Tree): boolean =>
  path.startsWith("__cluster_metadata-0/") && !before.has(".kafka_cleanshutdown");

function wholeBatches(bytes: Uint8Array): Uint8Array {
  let end = 0;
  for (const at of batch.batches(bytes)) end = batch.endOf(bytes, at);
  return bytes.subarray(0, end);
}

/** The broker's own mark: it has promised to remove these. */
const isMarkedDeleted = (path: string): boolean => /^[^/]+\.[0-9a-f]{32}-delete(\/|$)/.test(path);

/** Files that the broker replaces as it likes. */
function isSmallOfOurs(path: string, before: Tree): boolean {
  const isAlien = folderOf(path) !== "" && !before.has(folderOf(path));
  return !isAlien && !path.endsWith(".log");
}
