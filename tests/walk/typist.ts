/**
 * Typist: does in a folder what a page says, step by step, and compares what is printed with what the page shows. Ports and
 * paths of its own stand in the places of the page's.
 */
import { type Commands, difference, replaced, type Step } from "./page.ts";
import { pause, Typed } from "./typed.ts";

const LIMIT_MS = 900_000;
const STOP_LIMIT_MS = 20_000;
/**
 * What goes on until Ctrl-C is let do so until it has said something, or for so long, and a little longer: some says nothing.
 * Where the page shows what it says, until that is there.
 */
const SILENT_MS = 3000, WATCHED_MS = 300, SAYING_LIMIT_MS = 60_000;
const BROKER = "broker", UNTIL_CTRL_C = "until Ctrl-C", EXIT = /^exit (\d+)$/;

export interface Place {
  /** What problems are told with: "docs/topics.md". */
  readonly name: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What stands on the page → what is meant here. */
  readonly given: Readonly<Record<string, string>>;
  /** Folders for commands with a mark. */
  readonly folders?: Readonly<Record<string, string>>;
}

export class Typist implements AsyncDisposable {
  passed = 0;
  failed = 0;
  readonly #place: Place;
  /** What they left in the background ends with them. */
  readonly #typed: Typed[] = [];
  #broker: Typed | null = null;

  constructor(place: Place) {
    this.#place = place;
  }

  async do(step: Step): Promise<void> {
    const { cwd } = this.#place;
    if (step.kind === "file") {
      const path = `${cwd}/${step.name}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      const text = replaced(step.text, this.#place.given);
      // What a page shows may hold a password.
      return await Deno.writeTextFile(path, text, { mode: 0o600 });
    }
    if (step.kind === "configuration") {
      const path = `${cwd}/walk-configuration.toml`;
      await Deno.writeTextFile(path, step.text, { mode: 0o600 });
      const text = "runnel config --config walk-configuration.toml > walk-options.txt\n";
      const told = { ...BARE, line: step.line, text };
      await this.type(told);
      return await Deno.remove(path);
    }
    return await (step.mark === BROKER ? this.startBroker(step) : this.type(step));
  }

  async type(step: Commands): Promise<void> {
    const { given, folders = {} } = this.#place, { mark } = step;
    const typed = this.#begin(step.text, folders[mark ?? ""] ?? this.#place.cwd);
    const isWatched = mark === UNTIL_CTRL_C;
    if (isWatched) {
      if (step.output === null) await typed.saying(SILENT_MS);
      else await this.#shown(step, typed);
      if (!await typed.end(WATCHED_MS)) await typed.signal("INT");
    }
    const isOver = await typed.end(isWatched ? STOP_LIMIT_MS : LIMIT_MS);
    if (!isOver) await typed.signal("KILL");
    const due = Number(EXIT.exec(mark ?? "")?.[1] ?? 0);
    const problem = !isOver
      ? "did not end in time"
      : typed.code === due
      ? null
      : `ended with ${typed.code}`;
    this.#told(step, typed, problem ?? difference(step, typed.printed, given));
  }

  /** It is there when it has said so, and goes on. */
  async startBroker(step: Commands): Promise<void> {
    await this.stopBroker();
    const typed = this.#broker = this.#begin(step.text, this.#place.cwd);
    const until = Date.now() + LIMIT_MS;
    while (!/^ {2}Try /m.test(typed.printed) && typed.code === null && Date.now() < until) {
      await pause(20);
    }
    await this.#shown(step, typed);
    if (step.output !== null) await pause(200); // for what comes behind, and the page does not show
    const ended = typed.code === null ? null : `ended with ${typed.code}`;
    this.#told(step, typed, ended ?? difference(step, typed.printed, this.#place.given));
  }

  /** Until it has printed what the page shows, and maybe more, or ended; where it never does that, some time. */
  async #shown(step: Commands, typed: Typed): Promise<void> {
    const { given } = this.#place, until = performance.now() + SAYING_LIMIT_MS;
    const isMissing = () => difference(step, typed.printed, given) !== null;
    while (isMissing() && typed.code === null && performance.now() < until) await pause(20);
  }

  /** As Ctrl-C does. */
  async stopBroker(): Promise<void> {
    const broker = this.#broker;
    this.#broker = null;
    if (broker === null || broker.code !== null) return;
    await broker.signal("INT");
    const isOver = await broker.end(STOP_LIMIT_MS);
    if (!isOver) await broker.signal("KILL");
    const problem = isOver ? null : `did not end within ${STOP_LIMIT_MS / 1000} s after Ctrl-C`;
    const trace = /Uncaught|^ +at /m.test(broker.printed) ? "ended with a stack trace" : null;
    this.#told("Ctrl-C", broker, problem ?? trace);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopBroker();
    for (const typed of this.#typed) await typed.signal("KILL");
  }

  #begin(text: string, cwd: string): Typed {
    const { env, given } = this.#place;
    const typed = new Typed(replaced(text, given), { cwd, env: { ...env } });
    this.#typed.push(typed);
    return typed;
  }

  #told(step: Commands | string, { printed, beganMs }: Typed, problem: string | null): void {
    const { name } = this.#place;
    const what = typeof step === "string" ? step : step.text.trim().split("\n").join("; ");
    const place = typeof step === "string" ? name : `${name}:${step.line}`;
    if (problem === null) {
      this.passed++;
      const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
      return console.log(`ok ${place} (${seconds} s) ${what}`);
    }
    this.failed++;
    console.log(`not ok ${place} ${what}: ${problem}`);
    console.log(printed.replace(/^/gm, "  | "));
  }
}

/** Commands of which nothing is known but their words. */
export const BARE = {
  kind: "commands",
  line: 0,
  mark: null,
  output: null,
  doNumbersVary: false,
} as const;
