/**
 * `runnel __complete SHELL …`: what may come next on a command line, for the scripts of `runnel completion`. It prints of
 * what kind that is ("names", or "files", which the shell looks for itself) and a line each, a tab before what it is where
 * the shell shows that. It never fails, and says nothing where there is nothing.
 */
import { bashLine, bashWord, type Part } from "./bash_line.ts";
import { namesOf } from "./names.ts";
import { type Candidate, positionOf } from "./position.ts";

export async function complete([shell, ...args]: readonly string[]): Promise<number> {
  try {
    const lines = shell === "bash" ? await forBash(args) : await forOthers(args);
    console.log(lines.join("\n"));
    return 0;
  } catch {
    return 1;
  }
}

/** What is typed up to the cursor, as it stands. */
async function forBash([breaks = "", line = ""]: readonly string[]): Promise<string[]> {
  const { before: [, ...before], current } = bashLine(line, breaks);
  const { kind, candidates } = await candidatesFor(before, current.text);
  const values = candidates.map(({ value }) => value)
    .filter((value) => value.startsWith(current.text));
  return [kind, ...values.flatMap((value) => wordFor(value, current))];
}

function wordFor(value: string, current: Part): string[] {
  const word = bashWord(value, current);
  return word === null ? [] : [word];
}

/** The words before and the one under the cursor, which these shells match and quote themselves. */
async function forOthers(words: readonly string[]): Promise<string[]> {
  const { kind, candidates } = await candidatesFor(words.slice(0, -1), words.at(-1) ?? "");
  return [kind, ...candidates.map(({ value, doc }) => doc === "" ? value : `${value}\t${doc}`)];
}

async function candidatesFor(before: readonly string[], current: string) {
  const position = positionOf(before, current), { completes, prefix } = position;
  if (completes === "file") return { kind: "files", candidates: [] };
  const found = completes === "topic" || completes === "group"
    ? unused(await namesOf(completes, before), before)
    : [];
  const candidates = [...position.candidates, ...found.map((value) => ({ value, doc: "" }))]
    .map(({ value, doc }): Candidate => ({ value: `${prefix}${value}`, doc: shortened(doc) }));
  return { kind: "names", candidates };
}

/** Topics and groups that the line has already are not meant again. */
function unused(names: readonly string[], before: readonly string[]): string[] {
  const given = new Set(before);
  return names.filter((name) => !given.has(name));
}

function shortened(doc: string): string {
  return doc.length <= MAX_DOC ? doc : `${doc.slice(0, MAX_DOC - 1)}…`;
}

const MAX_DOC = 60;
