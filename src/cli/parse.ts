/**
 * Parsing: a command's arguments as a Call, and its help, both by commander from the table of commands.
 *
 * Beside its own flags a command takes the broker's, since it reads the configuration as the broker does, to find it.
 */
import { Command as Parser, CommanderError, Option } from "commander";
import { ConfigError, configFlags, mustHoldNoSecret } from "../config/load.ts";
import { closest } from "../config/near_miss.ts";
import { wrapped } from "../config/wrap.ts";
import { Call } from "./call.ts";
import type { Action, Command, Flag } from "./command.ts";
import { KAFKA_FLAGS } from "./kafka_flags.ts";

/** What is to be done: run an action, or show text that was asked for. */
export type Parsed = { readonly kind: "call"; readonly call: Call } | {
  readonly kind: "help";
  readonly text: string;
};

/** The arguments behind the command's name. Throws ConfigError. */
export function parse(command: Command, args: readonly string[]): Parsed {
  let call: Call | null = null, text = "";
  const write = (more: string) => text += more;
  const { options, rest } = withoutYesNo(args);
  const given = { args, options, found: (made: Call) => call = made };
  const root = parserOf(asCalled(command, rest), given);
  for (const parser of [root, ...root.commands]) {
    parser.exitOverride().configureOutput({ writeOut: write, writeErr: () => {} });
  }
  try {
    root.parse(rest, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: "help", text: text.trimEnd() };
    mustHoldNoSecret(args); // which are flags of none of its actions
    // Without an action commander shows the help, as an error.
    const what = error.code === "commander.help"
      ? `needs one of ${namesOf(command).join(", ")}`
      : error.message.replace(/^error: /, "").replaceAll("\n", " ");
    const action = calledAction(command, args);
    const near = error.code === "commander.unknownOption" ? nearFlag(command, action, what) : "";
    const name = [command.name, action?.name ?? ""].filter((one) => one !== "").join(" ");
    throw new ConfigError(`${name}: ${what}${near} (\`runnel ${name} --help\`)`);
  }
  if (call === null) throw new Error(`runnel ${command.name}: no action was found`);
  return { kind: "call", call };
}

/** The broker's flags that answer yes or no may do so, which commander does not know of: `--auth-enabled=false`. */
function withoutYesNo(args: readonly string[]): { options: string[]; rest: string[] } {
  const flags = configFlags(), options: string[] = [], rest: string[] = [];
  const end = args.indexOf("--");
  for (const [at, arg] of args.entries()) {
    const sign = arg.indexOf("=");
    const isOne = sign > 0 && flags.get(arg.slice(0, sign)) === null && (end < 0 || at < end);
    (isOne ? options : rest).push(arg);
  }
  return { options, rest };
}

/**
 * A command that does something itself and has actions beside is one or the other: an action where the first argument is
 * a word, or help is asked for; so the flags of one are never taken for the other's.
 */
function asCalled(command: Command, [first]: readonly string[]): Command {
  const { actions } = command, own = actions.filter(({ name }) => name === "");
  if (own.length === 0 || actions.length === 1) return command;
  const isAction = first !== undefined && (!first.startsWith("-") || HELP.includes(first));
  return isAction
    ? { ...command, actions: actions.filter(({ name }) => name !== "") }
    : { ...command, actions: own };
}

const HELP = ["--help", "-h"];

/** The action that is named, as far as one can be told where something is wrong. */
function calledAction({ actions }: Command, args: readonly string[]): Action | null {
  const first = args.find((arg) => !arg.startsWith("-"));
  return actions.find(({ name }) => name === (first ?? "")) ?? null;
}

/** The broker's flags are hidden from commander's own suggestions, since help does not list them. */
function nearFlag({ name, actions }: Command, action: Action | null, complaint: string): string {
  const [, given] = /'(--[^'=]+)[^']*'/.exec(complaint) ?? [];
  if (given === undefined || complaint.includes("Did you mean")) return "";
  // `kafka-topics.sh --list`
  const asWord = actions.find((one) => one.name !== "" && `--${one.name}` === given);
  if (asWord !== undefined && action === null) return `: \`runnel ${name} ${asWord.name}\``;
  const others = actions.filter(({ flags = [] }) => flags.some((one) => one.name === given));
  // `runnel topic --json list`, `runnel topic --json`
  if (action !== null && others.includes(action)) {
    return `; it goes behind ${action.name}: \`runnel ${name} ${action.name} ${given}\``;
  }
  if (action === null && others.length > 2) {
    return `; it goes behind one of ${others.map((other) => other.name).join(", ")}`;
  }
  if (others.length > 0) {
    const have = others.map((other) => `\`runnel ${name} ${other.name}\``.replace(" `", "`"));
    return `, which ${have.join(" and ")} ${have.length === 1 ? "has" : "have"}`;
  }
  const meant = KAFKA_FLAGS.get(given);
  if (meant !== undefined) return `: ${meant}`;
  if (configFlags().has(given)) return ", which is the broker's: it takes none of those";
  const own = (action === null ? actions : [action]).flatMap(({ flags = [] }) =>
    flags.map(({ name }) => name)
  );
  const near = closest(given, [...own, ...configFlags().keys()]);
  return near === null ? "" : ` (Did you mean ${near}?)`;
}

function namesOf({ actions }: Command): string[] {
  return actions.map(({ name }) => name).filter((name) => name !== "");
}

/** What `runnel COMMAND [ACTION] --help` prints. Throws ConfigError. */
export function helpOf(command: Command, action = ""): string {
  if (action !== "" && !namesOf(command).includes(action)) {
    const near = closest(action, namesOf(command));
    const hint = near === null ? "" : ` (Did you mean ${near}?)`;
    throw new ConfigError(
      `${command.name}: unknown command '${action}'${hint} (\`runnel ${command.name} --help\`)`,
    );
  }
  const parsed = parse(command, action === "" ? ["--help"] : [action, "--help"]);
  return parsed.kind === "help" ? parsed.text : "";
}

interface Given {
  readonly args: readonly string[];
  /** The broker's flags that were taken out already. */
  readonly options: readonly string[];
  /** Told of the action that is called. */
  readonly found: (call: Call) => void;
}

function parserOf(command: Command, given: Given): Parser {
  const root = named(new Parser(command.name), command.summary);
  root.name(`runnel ${command.name}`);
  for (const action of command.actions) {
    const parser = action.name === "" ? root : named(root.command(action.name), action.summary);
    fill(parser, { command, action, ...given });
  }
  const examples = command.actions.flatMap(({ examples = [] }) => examples);
  if (command.actions[0].name !== "") root.addHelpText("after", examplesText(examples));
  const notes = [...command.notes ?? []];
  const takesOptions = command.actions.some(({ takesOptions = true }) => takesOptions);
  if (takesOptions && command.name !== "serve") { // which lists them below
    notes.push(
      "It takes the broker's flags, variables and configuration file too: `runnel serve --help`.",
    );
  }
  const lines = notes.flatMap((note) => wrapped(note, 80));
  if (lines.length > 0) root.addHelpText("after", `\n${lines.join("\n")}`);
  return root;
}

function named(parser: Parser, summary: string): Parser {
  return parser.summary(summary).description(capital(summary) + ".").helpCommand(false)
    .helpOption("-h, --help", "Print this.").showSuggestionAfterError(true)
    .configureHelp({ showGlobalOptions: false, minWidthToWrap: 20 });
}

function fill(
  parser: Parser,
  { command, action, args, found, ...given }: Given & {
    readonly command: Command;
    readonly action: Action;
  },
): void {
  const { words = [], flags = [], examples = [], takesOptions = true } = action;
  for (const { name, doc, isOptional = false, isRepeated = false } of words) {
    const inside = `${name}${isRepeated ? "..." : ""}`;
    parser.argument(isOptional ? `[${inside}]` : `<${inside}>`, doc);
  }
  const values = new Map<string, string[]>(), options = [...given.options];
  const own = new Set(flags.flatMap(({ name, aliases = [] }) => [name, ...aliases]));
  for (const flag of flags) addFlag(parser, flag, values);
  for (const [flag, need] of takesOptions ? configFlags() : []) {
    if (own.has(flag)) continue;
    const option = new Option(need === null ? flag : `${flag} <value>`).hideHelp();
    parser.addOption(option);
    parser.on(
      `option:${option.name()}`,
      (value: string | null) => void options.push(`${flag}=${value ?? "true"}`),
    );
  }
  if (examples.length > 0) parser.addHelpText("after", examplesText(examples));
  parser.action((...rest: unknown[]) => {
    const inOrder = rest.slice(0, words.length) as (string | string[] | undefined)[];
    const call = new Call({ command, action }, {
      words: inOrder.flatMap((value, at) => value ?? (words[at].isRepeated ? [] : [""])),
      flags: values,
      options,
    });
    if (!takesOptions && options.length > 0) {
      throw call.misused(`it takes none of the broker's flags, as ${options[0]} is`);
    }
    for (const [at, { name, choices }] of words.entries()) {
      const word = call.words[at] ?? "";
      if (choices === undefined || word === "" || choices.includes(word)) continue;
      throw call.misused(`${name} ${word}: needs one of ${choices.join(", ")}`);
    }
    for (const { name, choices, otherChoices = [] } of flags) {
      const value = call.text(name);
      // `--topic --partition 0` lacks one; who means it writes `--topic=--partition`.
      if (
        value !== null && own.has(value.split("=")[0]) &&
        !args.some((arg) => arg.endsWith(`=${value}`))
      ) {
        throw call.misused(`${name} has no value`);
      }
      if (value === null || choices === undefined) continue;
      if (choices.includes(value) || otherChoices.includes(value)) continue;
      throw call.misused(`${name} ${value || '""'}: needs one of ${choices.join(", ")}`);
    }
    found(call);
  });
}

function addFlag(parser: Parser, flag: Flag, given: Map<string, string[]>): void {
  const { name, takes, doc, aliases = [], choices } = flag;
  const told = choices === undefined ? doc : `${doc} One of ${choices.join(", ")}.`;
  for (const one of [name, ...aliases]) {
    const option = new Option(takes === undefined ? one : `${one} <${takes}>`, told);
    if (one !== name) option.hideHelp();
    parser.addOption(option);
    parser.on(`option:${option.name()}`, (value: string | null) => {
      const values = given.get(name);
      if (values === undefined) given.set(name, [value ?? "true"]);
      else values.push(value ?? "true");
    });
  }
}

function examplesText(examples: readonly { readonly line: string; readonly doc: string }[]) {
  return examples.length === 0
    ? ""
    : `\nExamples:\n${examples.map(({ line, doc }) => `  # ${doc}\n  ${line}`).join("\n")}`;
}

function capital(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}
