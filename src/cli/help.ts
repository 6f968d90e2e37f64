/** Help, made of the tables of commands and pages: what `runnel help` and `runnel serve --help` print, and what is near a typo. */
import { flagHelp, flagLines } from "../config/describe.ts";
import { ConfigError } from "../config/load.ts";
import { closest } from "../config/near_miss.ts";
import type { Command, Run } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { askedAs, type Page, PAGES } from "./help/pages.ts";
import { styled } from "./output.ts";
import { helpOf } from "./parse.ts";

export const printHelp: Run = async ({ words: [topic, action] }) => {
  console.log(await textOf(topic, action));
  return 0;
};

async function textOf(topic: string, action: string): Promise<string> {
  if (topic === "") return helpText();
  const page = pageOf(topic);
  if (page === null || action !== "") return commandHelp(commandOrPage(topic), action);
  const { pageText } = await import("./help/page_text.ts");
  return pageText(await page.load(), terminal());
}

/** Lines longer than these are hard to read. */
const MAX_WIDTH = 100;
/** Where there is no terminal. */
const USUAL_WIDTH = 80;

function terminal() {
  const isTerminal = Deno.stdout.isTerminal();
  const width = isTerminal ? Math.min(Deno.consoleSize().columns, MAX_WIDTH) : USUAL_WIDTH;
  const isStyled = styled("bold", "x") !== "x";
  return { width: Math.max(20, width), isStyled: isTerminal && isStyled };
}

/** `docs/audit.md` and `audit.md` are what pages call each other. */
function pageOf(topic: string): Page | null {
  const name = topic.replace(/^docs\//, "");
  return PAGES.find((page) => name === askedAs(page) || name === `${page.name}.md`) ?? null;
}

/** Throws ConfigError with the one that was probably meant, be it a page. */
function commandOrPage(topic: string): Command {
  const found = COMMANDS.find(({ name }) => name === topic);
  if (found !== undefined) return found;
  const names = [...COMMANDS.map(({ name }) => name), ...PAGES.map(askedAs)];
  const near = closest(topic, names);
  throw new ConfigError(
    `There is neither a command nor a page ${topic}: ${
      near === null ? "`runnel help` lists both" : `did you mean ${near}?`
    }`,
  );
}

/** Of all commands. */
export function helpText(): string {
  return `Usage: runnel [command] [flags]

Commands
${COMMANDS.map((command) => `  ${command.name.padEnd(11)} ${summaryOf(command)}`).join("\n")}

\`runnel COMMAND --help\` says all of a command, \`runnel COMMAND ACTION --help\` all
of one of its actions, \`runnel serve --help\` lists the broker's flags.

Pages of the book, by \`runnel help PAGE\`
${PAGES.map((page) => `  ${askedAs(page).padEnd(15)} ${page.about}`).join("\n")}

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

/** What other programs call it. */
const OTHER_WORDS: ReadonlyMap<string, string> = new Map([
  ...["start", "run", "up", "server", "broker"].map((word) => [word, "serve"] as const),
  ...["status", "check"].map((word) => [word, "doctor"] as const),
]);

/** Throws ConfigError with the one that was probably meant. */
export function commandOf(name: string): Command {
  const found = COMMANDS.find((command) => command.name === name);
  if (found !== undefined) return found;
  const names = COMMANDS.map((command) => command.name),
    near = OTHER_WORDS.get(name) ?? closest(name, names);
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
