/** The command line: which command of the table runs; `serve` is meant when none is named. */
import type { Command } from "./command.ts";
import { plainLine, unforeseenLine } from "./error_line.ts";
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
  const [first, ...rest] = args, isNamed = first !== undefined && !first.startsWith("-");
  const asksForHelp = args.some((arg) => arg === "--help" || arg === "-h");
  // A broker's start needs neither the parser nor help. Its flags are read where its options are.
  const isServe = first === "serve";
  if (!asksForHelp && (isServe || !isNamed && first !== "--version")) {
    return await serve(isServe ? rest : args, startBroker);
  }
  if (first === "__complete") {
    return await (await import("./completion/complete.ts")).complete(rest);
  }
  const { commandHelp, commandOf, helpText } = await import("./help.ts");
  const isHelp = first === "help" && asksForHelp;
  if (isHelp || !isNamed && first !== "--version") return print(helpText());
  const command = commandOf(first === "--version" ? "version" : first);
  if (isServe) return print(commandHelp(command));
  return await runOf(command, rest, startBroker);
}

async function runOf(
  command: Command,
  args: readonly string[],
  startBroker: StartBroker,
): Promise<number> {
  const { parse } = await import("./parse.ts");
  const parsed = parse(command, args);
  if (parsed.kind === "help") return print(parsed.text);
  return await (await parsed.call.action.load())(parsed.call, { startBroker });
}

function print(text: string): number {
  console.log(text);
  return 0;
}
