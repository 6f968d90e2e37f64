/** Position: what the word under the cursor stands for, by the words before it, in the table of commands. */
import { configFlags } from "../../config/load.ts";
import type { Action, Command, Completes, Flag, Word } from "../command.ts";
import { COMMANDS } from "../commands.ts";
import { askedAs, PAGES } from "../help/pages.ts";

/** What may stand there. */
export interface Position {
  /** Known from the table, with what each is. */
  readonly candidates: readonly Candidate[];
  /** What else may stand there; null for nothing. */
  readonly completes: Completes | null;
  /** "--topic=" where the value belongs to the same word, else "". */
  readonly prefix: string;
}

export interface Candidate {
  readonly value: string;
  /** One line, "" for none. */
  readonly doc: string;
}

const NOWHERE: Position = { candidates: [], completes: null, prefix: "" };

/** `before` are the words behind "runnel" that are whole, `current` is what there is of the one to complete. */
export function positionOf(before: readonly string[], current: string): Position {
  const [name, ...rest] = before;
  if (name === undefined && !current.startsWith("-")) return of(named(COMMANDS));
  const command = COMMANDS.find((one) =>
    one.name === (name?.startsWith("-") ?? true ? "serve" : name)
  );
  if (command === undefined) return NOWHERE;
  const given = command.name === name ? rest : before;
  if (command.name === "help") return inHelp(given);
  const called = actionOf(command, given);
  if (called !== null) return inAction(called.action, called.given, current);
  const own = command.actions.find(({ name }) => name === "") ?? null;
  if (own !== null && current.startsWith("-")) return inAction(own, given, current);
  if (given.some((word) => !word.startsWith("-"))) return NOWHERE;
  return of(current.startsWith("-") ? [HELP] : named(command.actions));
}

/** A command and one of its actions, or a page of the book. */
function inHelp([name, ...more]: readonly string[]): Position {
  if (name === undefined) {
    const pages = PAGES.map((page) => ({ value: askedAs(page), doc: page.about }));
    return of([...named(COMMANDS), ...pages]);
  }
  const command = COMMANDS.find((one) => one.name === name);
  return command === undefined || more.length > 0 ? NOWHERE : of(named(command.actions));
}

/** The action that is named, and what is given behind it; null where none is yet. */
function actionOf(command: Command, given: readonly string[]) {
  const { actions } = command, [first] = given;
  if (actions.length === 1 && actions[0].name === "") return { action: actions[0], given };
  const action = actions.find(({ name }) => name !== "" && name === first);
  if (action !== undefined) return { action, given: given.slice(1) };
  const own = actions.find(({ name }) => name === "");
  return own !== undefined && first?.startsWith("-") ? { action: own, given } : null;
}

function inAction(action: Action, given: readonly string[], current: string): Position {
  const { words = [], takesOptions = true } = action, flags = flagsOf(action);
  const found: string[] = [], seen = new Set<string>();
  let isBehindAll = false;
  for (let at = 0; at < given.length; at++) {
    const word = given[at];
    if (isBehindAll || !word.startsWith("-") || word === "-") found.push(word);
    else if (word === "--") isBehindAll = true;
    else if (!word.includes("=")) {
      const flag = flags.get(word);
      seen.add(flag?.name ?? word);
      const takesNext = flag === undefined
        ? takesOptions && (configFlags().get(word) ?? null) !== null
        : flag.takes !== undefined;
      if (!takesNext) continue;
      if (at === given.length - 1) return flag === undefined ? NOWHERE : valueOf(flag, "");
      at++;
    } else seen.add(flags.get(word.split("=")[0])?.name ?? word);
  }
  if (!isBehindAll && current.startsWith("-")) {
    const sign = current.indexOf("=");
    if (sign < 0) return of(flagCandidates(action, seen, current));
    const flag = flags.get(current.slice(0, sign)), prefix = current.slice(0, sign + 1);
    return flag?.takes === undefined ? NOWHERE : valueOf(flag, prefix);
  }
  const last = words.at(-1);
  const word = words[found.length] ?? (last?.isRepeated ? last : undefined);
  return word === undefined ? NOWHERE : ofWord(word, found);
}

function flagsOf({ flags = [] }: Action): Map<string, Flag> {
  return new Map(
    flags.flatMap((flag) => [flag.name, ...flag.aliases ?? []].map((one) => [one, flag])),
  );
}

/** Those that are not there yet; the broker's own where none of these is meant. */
function flagCandidates(
  { flags = [], takesOptions = true }: Action,
  seen: ReadonlySet<string>,
  current: string,
): Candidate[] {
  const own = flags.filter(({ name, isRepeated = false }) => isRepeated || !seen.has(name))
    .map(({ name, doc }) => ({ value: name, doc }));
  const candidates = [...own, HELP];
  if (!takesOptions || candidates.some(({ value }) => value.startsWith(current))) return candidates;
  return [...configFlags().keys()].map((value) => ({ value, doc: "" }));
}

const HELP: Candidate = { value: "--help", doc: "Print help." };

function valueOf({ choices = [], completes }: Flag, prefix: string): Position {
  return {
    candidates: choices.map((value) => ({ value, doc: "" })),
    completes: completes ?? null,
    prefix,
  };
}

function ofWord({ choices = [], completes }: Word, before: readonly string[]): Position {
  // What a resource is called depends on its kind, the word before.
  const [kind] = before, named = kind === "topic" || kind === "group" ? kind : null;
  return {
    candidates: choices.map((value) => ({ value, doc: "" })),
    completes: completes === "resource" ? named : completes ?? null,
    prefix: "",
  };
}

function of(candidates: readonly Candidate[]): Position {
  return { candidates, completes: null, prefix: "" };
}

function named(table: readonly { readonly name: string; readonly summary: string }[]): Candidate[] {
  return table.filter(({ name }) => name !== "").map(({ name, summary }) => ({
    value: name,
    doc: summary,
  }));
}
