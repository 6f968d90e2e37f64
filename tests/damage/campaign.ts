/**
 * Campaign: damages the directory in every way, starts a broker on each, and judges what comes of it.
 *
 *     deno task test:damage                          all, and the table for docs/reliability.md
 *     deno task test:damage --filter="plain-0"       those whose name contains it, with what was logged
 *
 * Brokers run beside each other in this process; a line of the log is known to be one's by the async context in which it
 * was written.
 */
import { configureSync, withContext } from "@logtape/logtape";
import { parseArgs } from "@std/cli/parse-args";
import { AsyncLocalStorage } from "node:async_hooks";
import { configureLog } from "../../src/log.ts";
import { TestBroker, within } from "../broker/harness.ts";
import {
  type Answers,
  askAll,
  groupThing,
  type Questions,
  questionsFor,
  writeAll,
} from "./answers.ts";
import { type Damage, damagesOf } from "./damages.ts";
import { GROUPS, offsetsPartitionOf, settings, type Variant } from "./contents.ts";
import { buildVariants } from "./directory.ts";
import {
  compare,
  type Difference,
  judgeRefused,
  judgeServed,
  type LogLine,
  type Verdict,
} from "./judge.ts";
import { readTree, writeTree } from "./tree.ts";
import { failuresOf, tableOf } from "./report.ts";

export interface Case {
  readonly variant: Variant;
  readonly damage: Damage;
}

export interface Judged extends Case, Verdict {
  readonly lines: readonly LogLine[];
}

/** What the undamaged directory answers. */
interface Oracle {
  readonly questions: Questions;
  readonly first: Answers;
  readonly written: Answers;
  readonly second: Answers;
  /** What is logged all the same, and so warns of no damage. */
  readonly lines: ReadonlySet<string>;
}

/** A start, a stop, or all questions: longer is a hang. */
const LIMIT_MS = 10_000;
const JOBS = 6;

export const nameOfCase = ({ variant, damage }: Case): string => `${variant.name}: ${damage.name}`;

export class Campaign implements Disposable {
  readonly #path: string;
  readonly #oracles = new Map<Variant, Oracle>();
  readonly #lines = new Map<number, LogLine[]>();
  readonly #uncaught = new Map<number, string[]>();
  readonly cases: readonly Case[];
  #started = 0;

  private constructor(path: string, variants: readonly Variant[]) {
    this.#path = path;
    this.cases = variants.flatMap((variant) =>
      damagesOf(variant.tree).map((damage) => ({ variant, damage }))
    );
  }

  /** Builds the directory, and asks the undamaged one. */
  static async prepare(): Promise<Campaign> {
    const path = await temporaryDirectory();
    await Deno.mkdir(`${path}/build`);
    const variants = await buildVariants(`${path}/build`);
    const campaign = new Campaign(path, variants);
    campaign.#listen();
    for (const variant of variants) await campaign.#consult(variant);
    return campaign;
  }

  /** Runs cases, some at a time; an exception that nobody caught counts for the case that throws it alone too. */
  async run(cases: readonly Case[], onJudged: (judged: Judged) => void = () => {}) {
    const judged: Judged[] = [];
    const suspects: Case[] = [];
    const queue = [...cases].reverse();
    const work = async () => {
      for (let next = queue.pop(); next; next = queue.pop()) {
        const one = await this.runOne(next);
        if (one.faults.some((fault) => fault.startsWith(UNCAUGHT))) suspects.push(next);
        else {
          judged.push(one);
          onJudged(one);
        }
      }
    };
    await Promise.all(Array.from({ length: JOBS }, work));
    for (const next of suspects) {
      const one = await this.runOne(next);
      judged.push(one);
      onJudged(one);
    }
    return judged;
  }

  async runOne({ variant, damage }: Case): Promise<Judged> {
    const id = this.#started++;
    const lines: LogLine[] = [], uncaught: string[] = [];
    this.#lines.set(id, lines);
    this.#uncaught.set(id, uncaught);
    const path = `${this.#path}/${id}`;
    await Deno.mkdir(path);
    let verdict: Verdict;
    try {
      verdict = await withContext(
        { case: id },
        () => this.#runIn(path, { variant, damage }, lines),
      );
    } catch (error) {
      const told = error instanceof Error ? error.message : String(error);
      verdict = { outcome: null, faults: [`broke off: ${told}`] };
    }
    if (uncaught.length > 0) {
      verdict = {
        outcome: null,
        faults: [...uncaught.map((it) => UNCAUGHT + it), ...verdict.faults],
      };
    }
    // A broker that hangs may write still; what is left then goes with the campaign's directory.
    await Deno.remove(path, { recursive: true }).catch(() => {});
    this.#lines.delete(id);
    this.#uncaught.delete(id);
    return { variant, damage, ...verdict, lines };
  }

  async #runIn(path: string, { variant, damage }: Case, lines: LogLine[]): Promise<Verdict> {
    const oracle = this.#oracles.get(variant)!;
    const damaged = new Map(variant.tree);
    damage.apply(damaged);
    writeTree(path, damaged);
    damage.onDisk?.(path);
    const what = { ...damage, before: variant.tree, damaged };
    const differences: Difference[] = [];
    let broker: TestBroker;
    try {
      broker = await within(TestBroker.start(settings(path)), "the start", LIMIT_MS);
    } catch (error) {
      return judgeRefused(what, error, readTree(path));
    }
    const written = await served(broker, async (connection) => {
      const first = await askAll(connection, oracle.questions);
      differences.push(compare(oracle.first, first, ""));
      return await writeAll(connection, variant, 1);
    });
    differences.push(compare(oracle.written, written, "writing: "));
    const expected = expectedAfter(oracle, written);
    broker = await within(TestBroker.start(settings(path)), "the second start", LIMIT_MS);
    await served(broker, async (connection) => {
      const second = await askAll(connection, longer(oracle.questions));
      differences.push(compare(expected, second, "after the second start: "));
    });
    const unusual = lines.filter(({ text }) => !oracle.lines.has(text));
    return judgeServed(what, together(differences), unusual, readTree(path));
  }

  /** Asks the undamaged directory. */
  async #consult(variant: Variant): Promise<void> {
    const path = `${this.#path}/oracle`;
    await Deno.mkdir(path);
    writeTree(path, variant.tree);
    const id = this.#started++, lines: LogLine[] = [];
    this.#lines.set(id, lines);
    const start = () => withContext({ case: id }, () => TestBroker.start(settings(path)));
    const begun = await served(await start(), async (connection) => {
      const questions = await questionsFor(connection);
      const first = await askAll(connection, questions);
      return { questions, first, written: await writeAll(connection, variant, 1) };
    });
    const second = await served(
      await start(),
      (connection) => askAll(connection, longer(begun.questions)),
    );
    const usual = new Set(lines.map(({ text }) => text));
    this.#oracles.set(variant, { ...begun, second, lines: usual });
    await Deno.remove(path, { recursive: true });
  }

  #listen(): void {
    configureLog({ level: "info", format: "text", maxClientEvents: 1e9 });
    configureSync({
      reset: true,
      contextLocalStorage: new AsyncLocalStorage(),
      sinks: {
        cases: ({ level, rawMessage, properties }) => {
          const { case: id, ...fields } = properties;
          const text = `${rawMessage} ${Deno.inspect(fields, { depth: 3, breakLength: Infinity })}`;
          this.#lines.get(id as number)?.push({ level, text });
        },
      },
      loggers: [
        { category: ["runnel"], lowestLevel: "info", sinks: ["cases"] },
        { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["cases"] },
      ],
    });
    const note = (what: string) => {
      for (const uncaught of this.#uncaught.values()) uncaught.push(what);
    };
    addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      note(String(event.reason));
    });
    addEventListener("error", (event) => {
      event.preventDefault();
      note(event.message);
    });
  }

  [Symbol.dispose](): void {
    try {
      Deno.removeSync(this.#path, { recursive: true });
    } catch (error) {
      console.error(`Left over: ${this.#path}: ${error}`);
    }
  }
}

const UNCAUGHT = "an uncaught exception: ";

type Connected = Awaited<ReturnType<TestBroker["connect"]>>;

/** Asks a broker, and stops it. */
async function served<T>(
  broker: TestBroker,
  ask: (connection: Connected) => Promise<T>,
): Promise<T> {
  try {
    return await within(broker.connect().then(ask), "the answers", LIMIT_MS);
  } finally {
    await within(broker[Symbol.asyncDispose](), "the stop", LIMIT_MS);
  }
}

/** What was refused is not there after the next start; the rest is. */
function expectedAfter({ first, written, second }: Oracle, is: Answers): Answers {
  const expected: Answers = new Map();
  for (const [thing, answers] of second) {
    const writers = GROUPS.filter(({ id }) => offsetsPartitionOf(id) === thing).map(({ id }) =>
      groupThing(id)
    );
    const wrote = [thing, ...writers].every((writer) =>
      (["append", "commit"] as const).every((question) =>
        written.get(writer)?.get(question)?.error === is.get(writer)?.get(question)?.error
      )
    );
    expected.set(thing, wrote ? answers : first.get(thing)!);
  }
  return expected;
}

/** The same once the campaign has written one record to each partition. */
const longer = (questions: Questions): Questions => ({ ...questions, beyond: 2 });

function together(differences: readonly Difference[]): Difference {
  const refused = new Map<string, Set<number>>();
  for (const difference of differences) {
    for (const [thing, errors] of difference.refused) {
      refused.set(thing, new Set([...refused.get(thing) ?? [], ...errors]));
    }
  }
  return { faults: differences.flatMap(({ faults }) => faults), refused };
}

/** In memory where there is such a place: syncs cost nothing there, and nothing here needs them to be real. */
async function temporaryDirectory(): Promise<string> {
  const prefix = "runnel-damage-";
  try {
    return await Deno.makeTempDir({ dir: "/dev/shm", prefix });
  } catch {
    return await Deno.makeTempDir({ prefix });
  }
}

async function main(): Promise<number> {
  const { filter = "", show, list } = parseArgs(Deno.args, {
    string: ["filter"],
    boolean: ["show", "list"],
  });
  const beganMs = performance.now();
  using campaign = await Campaign.prepare();
  const cases = campaign.cases.filter((one) => nameOfCase(one).includes(filter));
  if (list) {
    for (const one of cases) console.log(nameOfCase(one));
    return 0;
  }
  let done = 0;
  const judged = await campaign.run(cases, (one) => {
    if (++done % 100 === 0) console.error(`${done} of ${cases.length}`);
    if (!show) return;
    console.log(`\n${nameOfCase(one)}: ${one.outcome ?? "FAILED"}`);
    for (const fault of one.faults.slice(0, 8)) console.log(`    ${fault}`);
    for (const { level, text } of one.lines) console.log(`    | ${level} ${text}`);
  });
  console.log(tableOf(judged));
  console.log(failuresOf(judged));
  console.error(`${judged.length} cases in ${Math.round((performance.now() - beganMs) / 1000)} s`);
  return judged.some(({ outcome }) => outcome === null) ? 1 : 0;
}

if (import.meta.main) {
  // A broker that did not stop may keep the process, and what it throws is a fault of its case.
  const code = await main().catch((error) => {
    console.error(error);
    return 1;
  });
  Deno.exit(code);
}
