/** The command line: which command runs. Each is a file of its own; `serve` is meant when none is named. */
import { ConfigError } from "../config/load.ts";
import { plainLine, unforeseenLine } from "./error_line.ts";
import { COMMANDS as TABLE } from "./commands.ts";
import { commandHelp, COMMANDS, runHelp, unknownCommand } from "./help.ts";
import { serve, type StartBroker } from "./serve.ts";

/** Runs the command and answers the process's exit code. Whatever goes wrong is one line on standard error. */
export async function run(args: readonly string[], startBroker: StartBroker): Promise<number> {
  try {
    return await runCommand(args, startBroker);
  } catch (error) {
    console.error(`runnel: ${plainLine(error) ?? unforeseenLine(error)}`);
    if (plainLine(error) === null && args.includes("--debug")) console.error(error);
    return 1;
  }
}

async function runCommand(args: readonly string[], startBroker: StartBroker): Promise<number> {
  const [first, ...rest] = args;
  const isNamed = first !== undefined && !first.startsWith("-");
  const command = TABLE.find(({ name }) => name === (first === "--version" ? "version" : first));
  if (command !== undefined) {
    const { parse } = await import("./parse.ts");
    const parsed = parse(command, rest);
    if (parsed.kind === "call") {
      return await (await parsed.call.action.load())(parsed.call, { startBroker });
    }
    console.log(parsed.text);
    return 0;
  }
  if (isNamed && COMMANDS.every(({ name }) => name !== first)) {
    throw new ConfigError(unknownCommand(first));
  }
  if (args.some((arg) => arg === "--help" || arg === "-h")) {
    if (!isNamed || first === "help") return runHelp();
    console.log(commandHelp(first));
    return 0;
  }
  // Loaded when they are needed: a broker starts faster without the rest.
  switch (first) {
    case "serve":
      return await serve(rest, startBroker);
    case "audit":
      return await (await import("./audit.ts")).runAudit(rest);
    case "backup":
      return await (await import("./backup.ts")).runBackup(rest);
    case "init":
      return await (await import("./init.ts")).runInit(rest);
    case "storage":
      return await (await import("./storage.ts")).runStorage(rest);
    case "help":
      return await help(rest);
    default:
      return await serve(args, startBroker);
  }
}

async function help(words: readonly string[]): Promise<number> {
  const [name, ...more] = words;
  mustBeAll("help", more);
  if (name === undefined) return runHelp();
  const command = TABLE.find((one) => one.name === name);
  if (command !== undefined) {
    console.log((await import("./parse.ts")).helpOf(command));
    return 0;
  }
  if (COMMANDS.every((command) => command.name !== name)) {
    throw new ConfigError(unknownCommand(name));
  }
  console.log(commandHelp(name));
  return 0;
}

function mustBeAll(command: string, more: readonly string[]): void {
  if (more.length > 0) throw new ConfigError(`${command}: unknown argument ${more[0]}`);
}
