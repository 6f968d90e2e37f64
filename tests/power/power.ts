/**
 * Power: a broker runs under a load while a recorder in its process (recorder.c) writes down all it does to its
 * directory; then, for points of that trace, directories are made as a kill or a power loss there may leave them, a
 * broker is started on each, and what it answers is held against what had been acknowledged by then. Of some of them the
 * start itself is recorded, under a second load, and cut off in the same way.
 *
 *     deno task test:power --seed=1 --runs=3 --states=40
 *
 * | flag | of so many | |
 * |---|---|---|
 * | --damaged | states | have one file damaged in the place of a power loss; 0 to 1 |
 * | --second | states | have their start recorded too, and cut off |
 * | --faults | brokers | have some calls of the system fail |
 * | --lie=1 | | the broker runs with flush=os, and the check has to find what that loses |
 *
 * Needs Linux, gcc, and room in /dev/shm or --room.
 */
import { parseArgs } from "@std/cli/parse-args";
import { configOfOptions } from "../../src/config/load.ts";
import { startBroker } from "../../src/broker.ts";
import { configureLog } from "../../src/log.ts";
import { pause } from "./asker.ts";
import { check, type Checked } from "./check.ts";
import { damage } from "./damage.ts";
import { compare, exists, type Files, read, remove, write } from "./files.ts";
import { repaired } from "./repaired.ts";
import { Ledger } from "./ledger.ts";
import { Load, type Random, randomOf } from "./load.ts";
import { CONFIG, faultOf, LOSSES, toml } from "./setup.ts";
import { Disk, readTrace, type Trace } from "./trace.ts";

const flags = parseArgs(Deno.args, {
  string: ["room", "main", "keep", "flush"],
  default: {
    seed: 1,
    runs: 1,
    states: 40,
    second: 0.1,
    damaged: 0.3,
    /** The broker does not sync, and the check is to find that. */
    lie: 0,
    repaired: 0.15,
    faults: 0.3,
    for: 2500,
    port: 13000,
    room: "/dev/shm/power",
    keep: "/tmp/power-kept",
    main: new URL("../../main.ts", import.meta.url).pathname,
    flush: "fsync",
  },
});

/** What a client is told of damage: an error, a wrong checksum, a transaction that its coordinator cannot end. */
const FOUND =
  /is not intact|nothing comes at|answers 2$|is answered (45|56)|answers (16|51)$|stays open at/;

const recorder = `${flags.keep}/recorder.so`;
const decoder = new TextDecoder();
const tally = new Map<string, number>();
const count = (what: string, n = 1) => tally.set(what, (tally.get(what) ?? 0) + n);

await main();

async function main(): Promise<void> {
  Deno.mkdirSync(flags.keep, { recursive: true });
  await compileRecorder();
  let failures = 0;
  for (let seed = flags.seed; seed < flags.seed + flags.runs; seed++) {
    failures += await history(seed);
    console.log([...tally].map(([what, n]) => `${what} ${n}`).join(" · "));
  }
  Deno.exit(failures === 0 ? 0 : 1);
}

async function compileRecorder(): Promise<void> {
  const source = new URL("recorder.c", import.meta.url).pathname;
  const args = ["-O2", "-shared", "-fPIC", "-o", recorder, source, "-ldl", "-lpthread"];
  const { success, stderr } = await new Deno.Command("gcc", { args }).output();
  if (!success) throw new Error(decoder.decode(stderr));
}

async function history(seed: number): Promise<number> {
  const random = randomOf(seed), room = `${flags.room}-${seed}`;
  remove(room);
  Deno.mkdirSync(room, { recursive: true });
  let failures = NaN;
  try {
    const first = await record({
      seed,
      room,
      files: new Map(),
      ledger: new Ledger(),
      tag: "a",
      random,
    });
    failures = await states(seed, { room, session: first, random, depth: 0 });
  } finally {
    if (failures === 0) remove(room);
  }
  return failures;
}

interface Session {
  /** What was there before. */
  readonly files: Files;
  readonly trace: Trace;
  readonly ledger: Ledger;
}

/** Runs a broker on these files under the recorder and a load; kills it. */
async function record(
  { seed, room, files, ledger, tag, random }: {
    seed: number;
    room: string;
    files: Files;
    ledger: Ledger;
    tag: string;
    random: Random;
  },
): Promise<Session> {
  const data = `${room}/data`, to = `${room}/trace`, port = flags.port + seed % 400;
  remove(data);
  if (exists(to)) Deno.removeSync(to);
  write(data, files);
  Deno.writeTextFileSync(`${room}/runnel.toml`, toml(data, port, flags.lie ? "os" : flags.flush));
  const fault = random() < flags.faults ? faultOf(random) : null;
  if (fault !== null) console.log(`  ${tag} fault ${fault}`);
  const child = new Deno.Command("deno", {
    args: ["run", "--no-check", "-A", flags.main, "--config", `${room}/runnel.toml`],
    env: {
      LD_PRELOAD: recorder,
      RECORD_ROOT: data,
      RECORD_TO: to,
      ...(fault === null ? {} : { RECORD_FAULT: fault }),
    },
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  const load = new Load(`127.0.0.1:${port}`, ledger, { random, forMs: flags.for, tag });
  try {
    await reached(port);
    // Killed at times while the load goes on.
    const isCutOff = random() < 0.5;
    if (files.size > 0) await load.observe();
    const run = load.run();
    run.catch(() => {});
    if (isCutOff) await Promise.race([run, pause(flags.for * 0.8)]);
    else await run;
  } catch (error) {
    ledger.oddities.push(`load ${tag}: ${error}`);
  }
  let hasEnded = false;
  child.status.then(() => hasEnded = true);
  await pause(0);
  if (!hasEnded) child.kill("SIGKILL");
  load.isOver = true;
  await child.status;
  const lines = (await said).split("\n").filter((line) => /ERROR|offline|runnel:|Error/.test(line));
  for (const line of new Set(lines)) console.log(`  ${tag} said: ${line.slice(0, 300)}`);
  for (const oddity of new Set(ledger.oddities)) console.log(`  ${tag} odd: ${oddity}`);
  const trace = readTrace(Deno.readFileSync(to));
  const disk = new Disk(files, true);
  for (const event of trace.events) disk.do(event);
  const differences = compare(disk.files(), read(data));
  if (differences.length > 2) { // the kill may have come between the last call and its entry
    throw new Error(`The recorder missed something: ${differences.slice(0, 5).join("; ")}`);
  }
  const acked = ledger.batches.filter(({ ackedMs }) => ackedMs !== Infinity).length;
  console.log(
    `seed ${seed} ${tag}: ${trace.events.length} events, ${acked} of ${ledger.batches.length} batches, ` +
      `${ledger.txns.length} transactions, ${ledger.commits.length} commits`,
  );
  return { files, trace, ledger };
}

/** Makes states of it, and tries each. How many failed. */
async function states(
  seed: number,
  { room, session, random, depth }: {
    room: string;
    session: Session;
    random: Random;
    depth: number;
  },
): Promise<number> {
  const { files, trace, ledger } = session, total = trace.events.length;
  const n = depth === 0 ? flags.states : Math.ceil(flags.states / 4);
  const sends = trace.events.flatMap(({ kind }, i) => kind === "send" ? [i + 1] : []);
  const points = Array.from(
    { length: n },
    () =>
      random() < 0.5 && sends.length > 0
        ? sends[Math.floor(random() * sends.length)]
        : 1 + Math.floor(random() * total),
  ).sort((a, b) => a - b);
  if (depth === 0) points[n - 1] = total;
  const ordered = new Disk(files, true), loose = new Disk(files, false);
  let failures = 0, older: Files = files;
  for (const point of points) {
    while (ordered.at < point) {
      const event = trace.events[ordered.at];
      ordered.do(event);
      loose.do(event);
    }
    const isKill = random() < 0.15 || flags.flush === "os";
    const loss = LOSSES[Math.floor(random() * LOSSES.length)];
    const left = isKill
      ? ordered.files()
      : (loss.namesInOrder ? ordered : loose).lose(loss, random);
    const name = isKill ? "kill" : loss.name;
    const at = ledger.at(trace, point);
    const label = `seed ${seed} depth ${depth} event ${point} of ${total}, ${name}`;
    if (depth === 0 && random() < flags.damaged) {
      failures += await tryDamaged(label, {
        room,
        files: ordered.files(),
        older,
        ledger: at,
        random,
      });
      continue;
    }
    if (random() < 0.2) older = ordered.files();
    failures += await tryState(label, {
      room,
      files: left,
      ledger: at,
      isKill,
      isSecond: depth > 0,
    });
    if (depth === 0 && random() < flags.second) {
      const second = await record({
        seed,
        room,
        files: left,
        ledger: reopened(ledger.at(trace, point), isKill),
        tag: `b${point}`,
        random,
      });
      failures += await states(seed, { room, session: second, random, depth: depth + 1 });
    }
  }
  return failures;
}

/** As the beginning of a second session. */
function reopened(at: Ledger, isKill: boolean): Ledger {
  const again = at.cut((ms) => ms === -Infinity, (ms) => ms === -Infinity);
  if (isKill) return again;
  for (const one of again.batches) {
    if (one.acks === 1 && one.shownMs === Infinity) one.ackedMs = Infinity;
  }
  return again;
}

async function tryState(
  label: string,
  { room, files, ledger, isKill, isSecond }: {
    room: string;
    files: Files;
    ledger: Ledger;
    isKill: boolean;
    isSecond: boolean;
  },
): Promise<number> {
  const data = `${room}/state`, lines: string[] = [];
  remove(data);
  write(data, files);
  count("states");
  const problems: string[] = [];
  let offline: string[] = [];
  try {
    const one = await started(
      data,
      lines,
      (address) => check(address, ledger, { isKill, isSecond, retries: true }),
    );
    problems.push(...one.problems);
    offline = one.offline;
    const other = await started(
      data,
      lines,
      (address) => check(address, ledger, { isKill, retries: false }),
    );
    problems.push(...other.problems.map((line) => `started again: ${line}`));
    for (const [name, seen] of one.seen) {
      const now = other.seen.get(name);
      if (now !== seen && !/^(compact|short)-/.test(name)) {
        problems.push(`started again: ${name} was ${seen.slice(0, 200)}, is ${now?.slice(0, 200)}`);
      }
    }
  } catch (error) {
    problems.push(`it did not start: ${error instanceof Error ? error.stack : error}`);
  }
  if (offline.length > 0) {
    console.log(`  offline: ${label}: ${offline.join(", ")}`);
    count(`offline (${label.split(", ").slice(1).join(", ")})`);
    if (!lines.some((line) => /offline/.test(line))) {
      problems.push("nothing is said of what is offline");
    }
  }
  if (isKill && offline.length > 0) problems.push(`offline after a kill: ${offline}`);
  if (problems.length === 0) return 0;
  return failed(label, files, { problems, lines });
}

/** Keeps the files of a state that failed, and tells of it: one failure. */
function failed(
  label: string,
  files: Files,
  { problems, lines }: { readonly problems: readonly string[]; readonly lines: readonly string[] },
): number {
  count("failures");
  const kept = `${flags.keep}/${label.replaceAll(/[^a-z0-9]+/gi, "-")}`;
  remove(kept);
  write(kept, files);
  console.log(`FAILED ${label} (${kept})`);
  for (const problem of problems.slice(0, 8)) console.log(`    ${problem.slice(0, 600)}`);
  for (const line of lines.slice(0, 6)) console.log(`    log: ${line.slice(0, 400)}`);
  return 1;
}

/** One file of what a kill or a clean stop leaves is damaged: nothing wrong may be answered, and no more may be lost. */
async function tryDamaged(
  label: string,
  { room, files, older, ledger, random }: {
    room: string;
    files: Files;
    older: Files;
    ledger: Ledger;
    random: Random;
  },
): Promise<number> {
  const data = `${room}/state`, lines: string[] = [];
  remove(data);
  write(data, files);
  const isStopped = random() < 0.5;
  if (isStopped) {
    await started(data, [], () => Promise.resolve({ problems: [], offline: [], seen: new Map() }));
    files = read(data);
    remove(data);
  }
  const harm = damage(files, older, random);
  remove(data);
  write(data, harm.files);
  count("damaged");
  const name = `${label.replace(/,.*/, "")}, ${
    isStopped ? "stopped" : "killed"
  }, ${harm.path}: ${harm.what}`;
  const problems: string[] = [], asItWas = ledger.copy(); // the check's producers change it
  try {
    const one = await started(
      data,
      lines,
      (address) => check(address, ledger, { isKill: true, retries: true }),
    );
    const told = lines.join("\n");
    problems.push(
      ...one.problems.filter((line) => !FOUND.test(line)),
    );
    if (random() < flags.repaired || one.offline.length > 0) {
      const mended = await repaired({
        folder: `${room}/repaired`,
        files: harm.files,
        offline: one.offline,
        count,
        work: (folder) =>
          started(
            folder,
            [],
            (address) => check(address, asItWas, { isKill: true, retries: false }),
          ),
      });
      problems.push(...mended.filter((line) => !FOUND.test(line)));
    }
    if (one.offline.length > 0) count("damaged: offline");
    else if (one.problems.length > 0) count("damaged: found by its reader");
    else count(lines.length > 0 ? "damaged: told" : "damaged: right");
    for (const partition of one.offline) {
      if (/^group /.test(partition)) continue;
      if (!told.includes(partition)) {
        problems.push(`nothing is said of ${partition}, which is offline`);
      }
      for (const [path, bytes] of harm.files) {
        if (!path.startsWith(`${partition}/`) || !path.endsWith(".log") || bytes === null) continue;
        const kept = exists(`${data}/${path}`) ? Deno.readFileSync(`${data}/${path}`) : null;
        if (kept === null) {
          const moved = [...Deno.readDirSync(`${data}/${partition}`)].some(({ name }) =>
            name.includes("stray")
          );
          if (!moved) problems.push(`${path} is gone`);
        } else if (kept.length < bytes.length) {
          problems.push(`${path} was cut to ${kept.length} of ${bytes.length}`);
        }
      }
    }
    const other = await started(
      data,
      lines,
      (address) => check(address, ledger, { isKill: true, retries: false }),
    );
    problems.push(
      ...other.problems.filter((line) => !FOUND.test(line))
        .map((line) => `started again: ${line}`),
    );
    for (const [name, seen] of one.seen) {
      const now = other.seen.get(name);
      const mayGrow = one.offline.length > 0 && /^(left|right)-/.test(name); // by markers
      if (now !== seen && !mayGrow && !/^(compact|short)-/.test(name)) {
        problems.push(`started again: ${name} was ${seen.slice(0, 200)}, is ${now?.slice(0, 200)}`);
      }
    }
  } catch (error) {
    count("damaged: refused");
    const isMetadata = /^(__cluster_metadata|meta\.properties|bootstrap)/.test(harm.path);
    if (!isMetadata) {
      problems.push(`it did not start: ${error instanceof Error ? error.stack : error}`);
    } else if (error instanceof TypeError || error instanceof RangeError) {
      problems.push(`${error.stack}`);
    }
  }
  if (problems.length === 0) return 0;
  return failed(name, harm.files, { problems, lines });
}

async function started(
  data: string,
  lines: string[],
  work: (address: string) => Promise<Checked>,
): Promise<Checked> {
  const { storage, ...rest } = CONFIG(flags.flush);
  const { config } = configOfOptions(
    { ...rest, storage: { ...storage, path: data } } as never,
    {} as never,
  );
  configureLog(config.log, (line) => lines.push(line));
  const broker = await startBroker(config);
  try {
    return await work(broker.kafkaAddress);
  } finally {
    await broker.stop();
  }
}

async function reached(port: number): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await pause(25);
    }
  }
  throw new Error("The broker does not come up");
}
