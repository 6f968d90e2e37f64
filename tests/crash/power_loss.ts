/**
 * Power loss: the file system under the broker is cut off from its device under load, so that whatever was not synced is
 * gone; the ledgers live elsewhere. Needs root and what disk.ts names.
 *
 *     deno task test:power-loss --rounds=10 --flush=fsync --fs=xfs --seed=1
 *
 * What is sent is told in world.ts. Each round: the world lives for a while; perhaps the broker is killed or stopped and
 * started before, so that what it found then must be durable too; the power goes (perhaps just after a clean stop),
 * perhaps again while the broker starts; then everything is read and compared with the ledgers. Ends with the tally; exit
 * code 1 when a promise is broken. With --flush=os losses are expected and counted.
 */
import { Random } from "../random.ts";
import { Disk } from "./disk.ts";
import { JournalTurns } from "./journal_turns.ts";
import { powerOptions } from "./options.ts";
import { Tally } from "./tally.ts";
import { freePorts, pause, Victim } from "./victim.ts";
import { type Mood, World } from "./world.ts";

const ROUNDS_IN_A_CHAPTER = 5;

const options = powerOptions(Deno.args);
console.log(
  `power loss: ${options.rounds} rounds on ${options.fs}, its journal ${options.journal}, flush ${options.flush}, seed ${options.seed}`,
);
const folder = await Deno.makeTempDir({ prefix: "runnel-power-" });
const disk = await Disk.make(folder, options.fs);
const data = `${disk.path}/data`, log = `${folder}/broker.log`, ports = freePorts();
const flags = [
  `--storage-path=${data}`,
  `--storage-flush=${options.flush}`,
  "--storage-min-free-bytes=0",
  "--compaction-backoff-ms=50",
];
const turns = new JournalTurns(data);
const tally = new Tally(`power-${options.fs}`, options.evidence);
const spawn = () => Victim.spawn({ flags, ports, log });

/** The power goes while `victim` is at work, or has just stopped; how, in words. */
async function cutPower(victim: Victim, random: Random): Promise<string> {
  const journal = options.journal === "mixed"
    ? random.pick(["lost", "flushed"] as const)
    : options.journal;
  await disk.writeBackSome(random);
  await disk.cut(journal);
  await victim.kill(); // it may be gone by itself: its fsync failed
  await disk.unmount();
  await disk.mount();
  return `journal ${journal}`;
}

/** The power goes again while the broker starts, `times` times; how, in words. */
async function startInVain(times: number, random: Random): Promise<string> {
  let how = "";
  for (let i = 0; i < times; i++) {
    const victim = spawn();
    const isListening = random.oneIn(2);
    if (isListening) await victim.listens();
    const afterMs = Math.round(isListening ? random.next() * 300 : 50 + random.next() * 600);
    await pause(afterMs);
    const cut = await cutPower(victim, random);
    how += `, again ${afterMs} ms after ${isListening ? "it listened" : "its start"} (${cut})`;
  }
  return how;
}

let victim = spawn();

async function cleanUp(): Promise<void> {
  await victim.kill();
  await disk.unmount();
  await Deno.remove(folder, { recursive: true });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => cleanUp().finally(() => Deno.exit(1)));
}

try {
  await victim.listens();
  let round = 0, survived = 0, began = 0;
  for (let chapter = 1; round < options.rounds; chapter++) {
    const seed = options.seed * 1000 + chapter, random = new Random(seed);
    const world = new World({
      bootstrap: `127.0.0.1:${ports.kafka}`,
      seed,
      chapter,
      turns,
      only: options.loads,
      isLeaderAckKept: false,
    });
    await world.begin();
    let isRight = true;
    for (let i = 0; i < ROUNDS_IN_A_CHAPTER && round < options.rounds && isRight; i++) {
      round++;
      const mood: Mood = i === 2 && world.hasFlood ? "flood" : random.oneIn(6) ? "short" : "usual";
      let how: string = mood;
      if (random.oneIn(3)) {
        await world.live("usual", random);
        const isStopped = random.oneIn(3);
        if (isStopped) await victim.stop();
        else await victim.kill();
        turns.ended();
        victim = spawn();
        await victim.listens();
        how = `${isStopped ? "stopped" : "killed"} and started before, ${how}`;
      }
      await world.live(mood, random);
      const acknowledged = world.acknowledged;
      survived += Math.max(0, acknowledged - began);
      began = acknowledged;
      world.struck();
      if (random.oneIn(6)) {
        await victim.stop();
        how += ", just after a stop";
      }
      turns.ended();
      how += `, ${await cutPower(victim, random)}`;
      how += await startInVain(random.pick([0, 0, 0, 1, 2]), random);
      await tally.keep(data);
      victim = spawn();
      const beganMs = performance.now();
      await victim.listens();
      const startMs = Math.round(performance.now() - beganMs);
      const complaints = await world.judge();
      const title =
        `${round} of chapter ${chapter}: ${how}; ${acknowledged} acknowledged, ${turns.count} journal turns, started in ${startMs} ms`;
      isRight = tally.check(title, complaints);
      if (!isRight) await tally.testify(`${options.seed}-${round}`, complaints, log);
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
  const least = options.rounds * 50;
  tally.check(
    `there was load: ${survived} acknowledged`,
    survived > least ? [] : [`at least ${least} are needed`],
  );
  const hasFlood = options.loads?.includes("flood") ?? true;
  if (hasFlood && options.rounds >= 5 && options.flush === "fsync") {
    tally.check(`the journal turned ${turns.count} times`, turns.count > 0 ? [] : ["it never did"]);
  }
  await victim.kill();
  await disk.unmount();
  await disk.check();
} finally {
  await cleanUp();
}
tally.exit();
