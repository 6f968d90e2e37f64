/**
 * Page: a document as somebody reads it who types it: blocks of commands with what they print, files to save, configurations.
 *
 *     ```sh      commands                      <!-- walk: MARK --> before a block says how it is typed, or compared
 *     ```        what they print, the next block after theirs
 *     ```ts      a file, whose first line is its name: // greetings.ts; so it is with # state.toml and others
 *     ```toml    without a name: a configuration of the broker
 *
 * What is not typed says why, behind the language: ```sh not run: needs systemd. What a page needs and a reader has already
 * stands in a comment that begins with <!-- walk: before.
 */

/** One of a document's, as it stands. */
export interface Block {
  /** Of its first line in the document. */
  readonly line: number;
  /** "" where it says none. */
  readonly language: string;
  /** Why it is not run; null where it is. */
  readonly notRun: string | null;
  readonly mark: string | null;
  readonly text: string;
  /** Whether a reader does not see it. */
  readonly isHidden: boolean;
}

export interface Commands {
  readonly kind: "commands";
  readonly line: number;
  readonly text: string;
  readonly mark: string | null;
  /** Lines that it must print; null where the page does not say. */
  readonly output: readonly string[] | null;
  readonly doNumbersVary: boolean;
}

/** To be saved under its name, or, without one, a configuration that the broker has to accept. */
export interface File {
  readonly kind: "file";
  readonly name: string;
  readonly text: string;
}

export interface Configuration {
  readonly kind: "configuration";
  readonly line: number;
  readonly text: string;
}

export type Step = Commands | File | Configuration;

const FENCE =
  /(?:^<!-- walk: (.+) -->\n+)?^```([a-z]*)(?: not run: (.+))?\n([^]*?)^```$|^<!-- walk: before\n([^]*?)^-->$/gm;
const NUMBERS_VARY = "numbers vary";
/** "// greetings.ts", "# state.toml" */
const NAME = /^(?:\/\/|#) ([\w./-]+\.\w+)\n/;

/** Every fenced block of a document, and what is to be done before. */
export function blocksOf(document: string): Block[] {
  return [...document.matchAll(FENCE)].map((match) => {
    const [whole, mark = null, language = "sh", notRun = null, text, before] = match;
    const at = match.index + Math.max(0, whole.indexOf("```"));
    const line = document.slice(0, at).split("\n").length;
    return { line, language, notRun, mark, text: text ?? before, isHidden: text === undefined };
  });
}

/** What is to be done with a block; "output" is one that the block before it prints; null: nothing is known of it. */
export type Use = Step["kind"] | "output" | "snippet" | "not run";

export function useOf(block: Block, last: Block | null): Use | null {
  if (block.notRun !== null) return "not run";
  if (block.language === "sh") return "commands";
  if (block.language === "") {
    return last?.language === "sh" && last.notRun === null ? "output" : null;
  }
  if (NAME.test(block.text)) return "file";
  if (block.language === "toml") return "configuration";
  return block.language === "ts" ? "snippet" : null;
}

/** What is to be typed and saved, in order. Snippets are run elsewhere (tests/embedding/snippets_test.ts). */
export function stepsOf(document: string): Step[] {
  const steps: Step[] = [];
  let last: Block | null = null;
  for (const block of blocksOf(document)) {
    const { line, text, mark } = block, use = useOf(block, last);
    if (use === "commands") {
      steps.push({ kind: "commands", line, text, mark, output: null, doNumbersVary: false });
    } else if (use === "file") {
      steps.push({ kind: "file", name: NAME.exec(text)![1], text });
    } else if (use === "configuration") {
      steps.push({ kind: "configuration", line, text });
    } else if (use === "output") {
      const output = text.split("\n").filter((line) => line.trim() !== "");
      const commands = steps.at(-1) as Commands;
      steps[steps.length - 1] = { ...commands, output, doNumbersVary: mark === NUMBERS_VARY };
    }
    last = block;
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
 * How what was printed differs from what the page shows; null when it does not. Lines may come in another order, since
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
    if (at < 0) return `the page shows "${line}", which was not printed`;
    left.splice(at, 1);
  }
  const more = left.find((line) => !NOISE.some((noise) => noise.test(line)));
  return more === undefined ? null : `"${more}" was printed, which the page does not show`;
}

function patternOf(
  line: string,
  { doNumbersVary, given }: { doNumbersVary: boolean; given: Readonly<Record<string, string>> },
): RegExp {
  let text = replaced(line.trimEnd(), given).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  text = text.replaceAll("…", ".*");
  // "4,587,923" and "5.09" are numbers too.
  if (doNumbersVary) {
    text = text.replace(/\d(?:[\d,]|\\\.(?=\d))*/g, "\\d[\\d.,]*").replace(/ +/g, " +");
  }
  return new RegExp(`^${text}$`);
}

/** The text with the real paths and ports in the places of the page's. */
export function replaced(text: string, given: Readonly<Record<string, string>>): string {
  for (const [shown, real] of Object.entries(given)) text = text.replaceAll(shown, real);
  return text;
}
