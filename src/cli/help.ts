/** Help, made of the table of commands: what `runnel help` and `runnel serve --help` print, and what is near a typo. */
import { flagHelp, flagLines } from "../config/describe.ts";
import { ConfigError } from "../config/load.ts";
import { closest } from "../config/near_miss.ts";
import type { Command, Run } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { helpOf } from "./parse.ts";

export const printHelp: Run = ({ words: [name, action] }) => {
  console.log(name === "" ? helpText() : commandHelp(commandOf(name), action));
  return Promise.resolve(0);
};

/** Of all commands. */
export function helpText(): string {
  return `Usage: runnel [command] [flags]

Commands
${COMMANDS.map((command) => `  ${command.name.padEnd(11)} ${summaryOf(command)}`).join("\n")}

\`runnel COMMAND --help\` says all of a command, \`runnel COMMAND ACTION --help\` all
of one of its actions, \`runnel serve --help\` lists the broker's flags.

A command that speaks to a broker finds it by --bootstrap HOST:PORT, by
--client-config FILE or --profile NAME, which also say how to log in, by
RUNNEL_BOOTSTRAP, or where the broker's own configuration on this machine has it.
--json prints for programs, an object a line. What destroys asks first, or is
told --yes.

Exit codes
  0    done
  1    it failed, was refused, or was called wrongly
  2    a difference was found (config diff, apply --check)
  3    it is denied (acl check)
  130  Ctrl-C ended it before it was done`;
}

function summaryOf({ summary, actions }: Command): string {
  const names = actions.map(({ name }) => name).filter((name) => name !== "");
  return names.length === 0 ? summary : `${summary}\n${" ".repeat(14)}${names.join(", ")}`;
}

/** Of one command, or one of its actions. Throws ConfigError. */
export function commandHelp(command: Command, action = ""): string {
  const text = helpOf(command, action).trimEnd();
  return command.name === "serve" ? `${text}\n\n${optionsText()}` : text;
}

/** Throws ConfigError with the one that was probably meant. */
export function commandOf(name: string): Command {
  const found = COMMANDS.find((command) => command.name === name);
  if (found !== undefined) return found;
  const names = COMMANDS.map((command) => command.name), near = closest(name, names);
  const told = `There is no command ${name}`;
  throw new ConfigError(
    near === null
      ? `${told}; there are ${names.join(", ")}: \`runnel help\` says more`
      : `${told}: did you mean ${near}? \`runnel help\` says what there is`,
  );
}

/** Of the broker's options. */
function optionsText(): string {
  return [
    "Flags, with their defaults",
    ...flagHelp(
      "--config FILE",
      "Configuration file; else ./runnel.toml, /etc/runnel/runnel.toml.",
    ),
    ...flagHelp("--debug", "The same as --log-level=debug."),
    ...flagLines(),
    ...flagHelp(
      "--topic-NAME",
      "A topic default under Kafka's name, with - for . (--topic-retention-ms=60000).",
    ),
    "",
    "Each flag has a variable (--kafka-port: RUNNEL_KAFKA_PORT) and a key in the file",
    "(kafka_port).",
  ].join("\n");
}
