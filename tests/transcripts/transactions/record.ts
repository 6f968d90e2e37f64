/**
 * Plays the scenarios of transactions to a Kafka and writes down what it answers; or to any broker, and says where it
 * answers otherwise.
 *
 *     deno run -A tests/transcripts/transactions/record.ts 127.0.0.1:9092 [--only=WORDS]
 *     deno run -A tests/transcripts/transactions/record.ts 127.0.0.1:9092 --compare [--only=WORDS] [--long]
 *
 * `--own` writes down what ours answers in the scenarios of differences.ts.
 * `--only`: scenarios whose file or name has these words. Comparing leaves the long ones out unless it is told not to.
 */
import { parseArgs } from "@std/cli/parse-args";
import { DIFFERENCES } from "./differences.ts";
import { played, SCENARIOS } from "./scenarios.ts";
import type { Transcript } from "./player.ts";

export type Answers = Record<string, Transcript>;

export function answersOf(file: string): Answers {
  try {
    return JSON.parse(Deno.readTextFileSync(new URL(`answers/${file}.json`, import.meta.url)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

/** What ours is to answer: as Kafka, but for the differences that are on purpose. */
export function wantedOf(file: string, name: string): Transcript | undefined {
  return name in DIFFERENCES ? answersOf("ours")[name] : answersOf(file)[name];
}

/** Where a transcript is not as Kafka's, in lines; a question that differs is a different history. */
export function differences(theirs: Transcript | undefined, ours: Transcript): string[] {
  if (theirs === undefined) return ["never recorded"];
  const wrong: string[] = [];
  for (let i = 0; i < Math.max(theirs.length, ours.length); i++) {
    const their = theirs[i], our = ours[i];
    const [kafka, here] = [their, our].map((one) => JSON.stringify(one?.answer));
    if (their?.asked !== our?.asked) wrong.push(`${i}: Kafka was asked ${their?.asked}`, `    here ${our?.asked}`);
    if (kafka !== here) wrong.push(`${i}: ${our?.asked}`, `    Kafka ${kafka}`, `    here  ${here}`);
  }
  return wrong;
}

if (import.meta.main) {
  const flags = parseArgs(Deno.args, { string: ["only"], boolean: ["compare", "long", "own"] });
  const bootstrap = String(flags._[0] ?? "");
  if (!bootstrap.includes(":")) throw new Error("Say which broker: host:port");
  let passed = 0, failed = 0;
  const own: Answers = {};
  for (const [file, scenarios] of Object.entries(SCENARIOS)) {
    const answers = answersOf(file);
    for (const [name, scenario] of Object.entries(scenarios)) {
      if (flags.only && !`${file} ${name}`.includes(flags.only)) continue;
      if (flags.own && !(name in DIFFERENCES)) continue;
      if (flags.compare && scenario.isLong && !flags.long) continue;
      const transcript = await played(scenario, bootstrap).catch((error): Transcript => [
        { asked: "the scenario ended", answer: `${error}` },
      ]);
      if (flags.own) {
        own[name] = transcript;
        console.log(`${file}: ${name}: ${differences(answers[name], transcript).length} lines differ`);
        continue;
      }
      if (!flags.compare) {
        answers[name] = transcript;
        console.log(`${file}: ${name}: ${transcript.length} answers`);
        if (transcript[0]?.asked === "the scenario ended") console.log(transcript[0].answer);
        continue;
      }
      const wrong = differences(wantedOf(file, name), transcript);
      if (wrong.length === 0) passed++;
      else failed++;
      console.log(`${wrong.length === 0 ? "ok  " : "FAIL"} ${file}: ${name}`);
      for (const line of wrong) console.log(`     ${line}`);
    }
    if (!flags.compare && !flags.own) write(file, answers, Object.keys(scenarios));
  }
  if (flags.own) write("ours", { ...answersOf("ours"), ...own }, Object.keys(DIFFERENCES));
  if (flags.compare) {
    console.log(`${passed} passed, ${failed} failed`);
    Deno.exit(failed === 0 && passed > 0 ? 0 : 1);
  }
}

/** One line a question and an answer. */
function write(file: string, answers: Answers, names: readonly string[]): void {
  Deno.mkdirSync(new URL("answers", import.meta.url), { recursive: true });
  const known = names.filter((name) => answers[name] !== undefined);
  const scenarios = known.map((name) => {
    const lines = answers[name].map((one) => `  ${JSON.stringify(one)}`);
    return `${JSON.stringify(name)}: [\n${lines.join(",\n")}\n]`;
  });
  const text = `{\n${scenarios.join(",\n")}\n}\n`;
  Deno.writeTextFileSync(new URL(`answers/${file}.json`, import.meta.url), text);
}
