/**
 * kill -9 at random moments under load, again and again, with ledgers kept outside the broker.
 *
 *     deno task test:crash --crashes=10 --flush=fsync --seed=1      (RUNNEL="./runnel" for another command than this checkout)
 *
 * What is sent is told in world.ts. Each crash: the world lives for a while (in some, until the journal has turned), the
 * broker is killed, or stopped, or killed while it stops; perhaps it is killed again while it starts, once or twice; then
 * everything is read and compared with the ledgers: nothing lost, doubled, reordered, resurrected or made up. What was
 * on its way is tried again meanwhile: idempotent producers live through every crash. A chapter of crashes ends with its loads; the
 * next has new topics. Ends with the tally of checks; exit code 1 when a promise is broken.
 */
import { Random } from "../random.ts";
import { JournalTurns } from "./journal_turns.ts";
import { crashOptions } from "./options.ts";
import { Tally } from "./tally.ts";
import { freePorts, pause, Victim } from "./victim.ts";
import { type Mood, World } from "./world.ts";

const CRASHES_IN_A_CHAPTER = 10;

const options = crashOptions(Deno.args);
console.log(`crash: ${options.crashes} crashes, flush ${options.flush}, seed ${options.seed}`);
const folder = await Deno.makeTempDir({ prefix: "runnel-crash-" });
const data = `${folder}/data`, log = `${folder}/broker.log`, ports = freePorts();
const flags = [
  `--storage-path=${data}`,
  `--storage-flush=${options.flush}`,
  "--compaction-backoff-ms=50",
];
const turns = new JournalTurns(data);
const tally = new Tally("crash", options.evidence);
const spawn = () => Victim.spawn({ flags, ports, log });

/** Ends the broker in one way or another; how, in words. */
async function strike(victim: Victim, random: Random): Promise<{ how: string; wrong: string[] }> {
  const choice = random.below(12);
  if (choice < 2) {
    const code = await victim.stop();
    return { how: "stopped", wrong: code === 0 ? [] : [`a clean stop ended with ${code}`] };
  }
  if (choice === 2) {
    const afterMs = Math.round(random.next() * 400);
    await victim.stop(afterMs);
    return { how: `killed ${afterMs} ms into its stop`, wrong: [] };
  }
  await victim.kill();
  return { how: "killed", wrong: [] };
}

/** Starts it, and kills it again before it serves, `times` times; how, in words. */
async function startInVain(times: number, random: Random): Promise<string> {
  let how = "";
  for (let i = 0; i < times; i++) {
    const victim = spawn();
    const isListening = random.oneIn(2);
    if (isListening) await victim.listens();
    const afterMs = Math.round(isListening ? random.next() * 400 : 50 + random.next() * 450);
    await pause(afterMs);
    await victim.kill();
    how += `, again ${afterMs} ms after ${isListening ? "it listened" : "its start"}`;
  }
  return how;
}

let victim = spawn();

async function cleanUp(): Promise<void> {
  await victim.kill();
  await Deno.remove(folder, { recursive: true });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => cleanUp().finally(() => Deno.exit(1)));
}

try {
  await victim.listens();
  let crash = 0, began = 0, survived = 0;
  for (let chapter = 1; crash < options.crashes; chapter++) {
    const seed = options.seed * 1000 + chapter, random = new Random(seed);
    const world = new World({
      bootstrap: `127.0.0.1:${ports.kafka}`,
      seed,
      chapter,
      turns,
      only: options.loads,
      isLeaderAckKept: true,
    });
    await world.begin();
    let isRight = true;
    for (let i = 0; i < CRASHES_IN_A_CHAPTER && crash < options.crashes && isRight; i++) {
      crash++;
      const mood: Mood = i % 5 === 3 && world.hasFlood
        ? "flood"
        : random.oneIn(5)
        ? "short"
        : "usual";
      await world.live(mood, random);
      const acknowledged = world.acknowledged;
      survived += Math.max(0, acknowledged - began);
      began = acknowledged;
      const { how, wrong } = await strike(victim, random);
      world.struck();
      turns.ended();
      const again = await startInVain(random.pick([0, 0, 0, 1, 1, 2]), random);
      await tally.keep(data);
      victim = spawn();
      const beganMs = performance.now();
      await victim.listens();
      const startMs = Math.round(performance.now() - beganMs);
      const complaints = [...wrong, ...await world.judge()];
      const title =
        `${crash} of chapter ${chapter}: ${mood}, ${how}${again}; ${acknowledged} acknowledged, ${turns.count} journal turns, started in ${startMs} ms`;
      isRight = tally.check(title, complaints);
      if (!isRight) await tally.testify(`${options.seed}-${crash}`, complaints, log);
    }
    began = 0;
    if (!isRight) {
      console.log("     the rest of the chapter is left out: what is lost stays so");
      world.leave();
      continue;
    }
    const { complaints, summary } = await world.end();
    tally.check(`chapter ${chapter} at its end: ${summary}`, complaints);
  }
  const least = options.crashes * 50;
  tally.check(
    `there was load: ${survived} acknowledged`,
    survived > least ? [] : [`at least ${least} are needed`],
  );
  const hasFlood = options.loads?.includes("flood") ?? true;
  if (hasFlood && options.crashes >= 5) {
    tally.check(`the journal turned ${turns.count} times`, turns.count > 0 ? [] : ["it never did"]);
  }
} finally {
  await cleanUp();
}
tally.exit();
