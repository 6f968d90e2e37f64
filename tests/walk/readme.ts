/**
 * Readme: README.md as somebody reads who types it: blocks of commands with what they print, and files to save.
 *
 *     ```sh      commands                      <!-- walk: MARK --> before a block says how it is typed, or compared
 *     ```        what they print, the next block after theirs
 *     ```ts      a file, whose first line is its name: // greetings.ts
 */

export interface Commands {
  readonly kind: "commands";
  readonly text: string;
  readonly mark: string | null;
  /** Lines that it must print; null where README does not say. */
  readonly output: readonly string[] | null;
  readonly doNumbersVary: boolean;
}

export interface File {
  readonly kind: "file";
  readonly name: string;
  readonly text: string;
}

export type Step = Commands | File;

const FENCE = /(?:^<!-- walk: (.+) -->\n+)?^```(\w*)\n([^]*?)^```$/gm;
const NUMBERS_VARY = "numbers vary";

/** What is to be typed, in order. */
export function stepsOf(readme: string): Step[] {
  const steps: Step[] = [];
  let isOutputDue = false;
  for (const [, mark, language, text] of readme.matchAll(FENCE)) {
    const last = steps.at(-1);
    if (language === "sh") {
      steps.push({
        kind: "commands",
        text,
        mark: mark ?? null,
        output: null,
        doNumbersVary: false,
      });
    } else if (language === "ts") {
      const name = /^\/\/ (\w+\.ts)\n/.exec(text)?.[1];
      if (name !== undefined) steps.push({ kind: "file", name, text });
    } else if (language === "" && isOutputDue && last?.kind === "commands") {
      const output = text.split("\n").filter((line) => line.trim() !== "");
      steps[steps.length - 1] = { ...last, output, doNumbersVary: mark === NUMBERS_VARY };
    }
    isOutputDue = language === "sh";
  }
  return steps;
}

/** What others print beside the commands: fetching, notices of npm and of Kafka's tools, a fallback of compile. */
const NOISE = [
  /^Download /,
  /^npm (warn|notice)/i,
  /^Task \w+ /,
  /^compile\.sh: no (runtime|bundler|certificates)/,
  /^The consumer rebalance protocol \(KIP-848\)/,
  /VM warning: /,
  /^Picked up JAVA_TOOL_OPTIONS/,
];

/**
 * How what was printed differs from what README shows; null when it does not. Lines may come in another order, since
 * there are two streams. `…` is whatever may vary within a line, and `given` says what stands for what: a path, a port.
 */
export function difference(
  { output, doNumbersVary }: Pick<Commands, "output" | "doNumbersVary">,
  printed: string,
  given: Readonly<Record<string, string>> = {},
): string | null {
  if (output === null) return null;
  // deno-lint-ignore no-control-regex -- colours of a terminal
  const left = printed.replace(/\x1b\[[0-9;]*m/g, "").split("\n")
    .map((line) => line.trimEnd()).filter((line) => line !== "");
  for (const line of output) {
    const pattern = patternOf(line, { doNumbersVary, given });
    const at = left.findIndex((one) => pattern.test(one));
    if (at < 0) return `README shows "${line}", which was not printed`;
    left.splice(at, 1);
  }
  const more = left.find((line) => !NOISE.some((noise) => noise.test(line)));
  return more === undefined ? null : `"${more}" was printed, which README does not show`;
}

function patternOf(
  line: string,
  { doNumbersVary, given }: { doNumbersVary: boolean; given: Readonly<Record<string, string>> },
): RegExp {
  let text = replaced(line.trimEnd(), given).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  text = text.replaceAll("…", ".*");
  if (doNumbersVary) text = text.replace(/\d+/g, "\\d+").replace(/ +/g, " +");
  return new RegExp(`^${text}$`);
}

/** The text with the real paths and ports in the places of README's. */
export function replaced(text: string, given: Readonly<Record<string, string>>): string {
  for (const [shown, real] of Object.entries(given)) text = text.replaceAll(shown, real);
  return text;
}
