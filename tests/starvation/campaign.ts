/**
 * Starvation: each shortage (shortages.ts) × each operation (operations.ts), start and stop, against a broker of its own.
 *
 *     deno task test:starvation [--only=read-only]      (RUNNEL="./runnel" for another command than this checkout)
 *
 * While something is short every answer is success or Kafka's error for "not now", on a connection that stays; /readyz
 * answers, and says why where it is not ready. When it is over all works as before within half a minute, without a
 * restart, and all that was ever answered with success holds, after a restart too. Prints the table of
 * docs/reliability.md; exit code 1 where a cell is wrong. Needs root; without it disks and memory are left out, in words.
 */
import { parseArgs } from "@std/cli/parse-args";
import type { Connection } from "../../src/client/connection.ts";
import { bash, Tally } from "../crash/tally.ts";
import { freePorts, pause, type Victim } from "../crash/victim.ts";
import { broken } from "./judge.ts";
import {
  createTopic,
  findCoordinator,
  type Operation,
  OPERATIONS,
  outcomeOf,
  produce,
} from "./operations.ts";
import { connect, type Ports, Promises, readiness, sample, scrape, spawned } from "./service.ts";
import {
  DescriptorsGone,
  DISK_BYTES,
  DiskAtFloor,
  DiskFull,
  LittleMemory,
  ReadOnly,
  type Shortage,
} from "./shortages.ts";

const { only = "" } = parseArgs(Deno.args, { string: ["only"] });
const folder = await Deno.makeTempDir({ prefix: "runnel-starved-" });
const tally = new Tally("starvation", null);
const rows: string[] = [];

class Campaign {
  readonly #shortage: Shortage;
  readonly #ports: Ports = freePorts();
  readonly #log: string;
  readonly #data: string;
  readonly #promises = new Promises();
  readonly #cells = new Map<string, string>();
  #victim!: Victim;
  #connection!: Connection;

  constructor(shortage: Shortage, n: number) {
    this.#shortage = shortage;
    this.#log = `${folder}/broker-${n}.log`;
    this.#data = `${shortage.path ?? `${folder}/${n}`}/data`;
  }

  async run(): Promise<void> {
    const { name, outlastsBroker } = this.#shortage;
    this.#victim = this.#spawn();
    await this.#victim.listens();
    this.#connection = await connect(this.#ports);
    await this.#prepare();
    tally.check(`${name}: all is well before`, await this.#untilServed());
    await this.#shortage.begin(this.#ports);
    await this.#starve();
    await this.#shortage.end();
    tally.check(`${name}: all is well again without a restart`, await this.#untilServed());
    tally.check(`${name}: what was answered holds`, await broken(this.#connection, this.#promises));
    if (outlastsBroker) await this.#stopAndStart();
    else {
      const code = await this.#stop();
      tally.check(`${name}: a stop after it is clean`, code === 0 ? [] : [`exit code ${code}`]);
      await this.#start();
    }
    tally.check(
      `${name}: after a restart it holds`,
      await broken(this.#connection, this.#promises),
    );
    const unhandled = (await Deno.readTextFile(this.#log)).split("\n").filter((line) =>
      /Uncaught/.test(line)
    );
    tally.check(`${name}: nothing is uncaught`, unhandled);
    rows.push(
      `| ${name} | ${COLUMNS.map((column) => this.#cells.get(column) ?? "–").join(" | ")} |`,
    );
    await this.#stop();
  }

  async dispose(): Promise<void> {
    await this.#shortage.end().catch(() => {});
    this.#connection?.close();
    await this.#victim?.kill();
    await this.#shortage.dispose();
  }

  #spawn(): Victim {
    const { flags, wrap } = this.#shortage;
    const all = [
      `--storage-path=${this.#data}`,
      "--compaction-backoff-ms=200",
      "--storage-metadata-snapshot-bytes=1",
      ...flags,
    ];
    return spawned({ flags: all, ports: this.#ports, log: this.#log, wrap });
  }

  async #prepare(): Promise<void> {
    for (const name of ["base", "trim", "bulk", ...DOOMED]) {
      const configs: Record<string, string> = name === "bulk"
        ? { "retention.bytes": `${64 << 20}`, "segment.bytes": `${16 << 20}` }
        : {};
      const code = await createTopic(this.#connection, name, {
        ...configs,
        "max.message.bytes": `${32 << 20}`,
      });
      if (code !== 0) throw new Error(`${name} was not created: ${code}`);
      this.#promises.created.add(name);
    }
    const compacted = {
      "cleanup.policy": "compact",
      "segment.ms": "1000",
      "min.cleanable.dirty.ratio": "0.01",
    };
    await createTopic(this.#connection, "table", compacted);
    this.#promises.created.add("table");
    const thousand = Array.from({ length: 1000 }, (_, i) => [null, `t${i}`] as const);
    for (let i = 0; i < 10; i++) await produce(this.#connection, "trim", thousand);
    await findCoordinator(this.#connection);
  }

  /** Asks each operation a few times while something is short. */
  async #starve(): Promise<void> {
    const { name } = this.#shortage;
    for (const operation of OPERATIONS) {
      const outcomes: string[] = [];
      for (let i = 0; i < TRIES; i++) {
        await this.#reconnect(); // one that was closed counts once
        outcomes.push(await outcomeOf(operation, this.#connection, this.#promises));
        await pause(100);
      }
      const wrong = outcomes.filter((outcome) => !isRight(operation, outcome));
      this.#cells.set(operation.name, [...new Set(outcomes)].join(", "));
      tally.check(`${name}: ${operation.name} (${[...new Set(outcomes)].join(", ")})`, wrong);
    }
    const ready = await readiness(this.#ports);
    const said = ready === null
      ? "/readyz does not answer"
      : `${ready.status} ${ready.body.trim()}`;
    const isReadyWrong = ready === null || ready.status !== 200 && ready.body.trim().length < 3;
    this.#cells.set("/readyz", said.replaceAll("\n", "; ").slice(0, 120));
    tally.check(`${name}: readiness is told (${said.slice(0, 100)})`, isReadyWrong ? [said] : []);
  }

  /** A new connection where the old one is closed; whether there is one. */
  async #reconnect(): Promise<boolean> {
    if (!this.#connection.isClosed) return true;
    try {
      this.#connection = await connect(this.#ports);
      return true;
    } catch {
      return false;
    }
  }

  /** Until every operation succeeds, the broker is ready and nothing is offline; what does not, after half a minute. */
  async #untilServed(): Promise<string[]> {
    const deadlineMs = performance.now() + HEALING_MS;
    for (;;) {
      const wrong = await this.#notServed();
      if (wrong.length === 0 || performance.now() > deadlineMs) return wrong;
      await pause(500);
    }
  }

  async #notServed(): Promise<string[]> {
    const wrong: string[] = [];
    if (!await this.#reconnect()) return ["no connection can be made"];
    for (const operation of OPERATIONS) {
      const outcome = await outcomeOf(operation, this.#connection, this.#promises);
      if (outcome !== "ok" && outcome !== "none left") wrong.push(`${operation.name}: ${outcome}`);
    }
    for (const name of this.#promises.created) { // each can be written to
      if (!/^made-/.test(name)) continue;
      const { errorCode } = await produce(this.#connection, name, [[null, "x"]]).catch(() => ({
        errorCode: -1,
      }));
      if (errorCode !== 0) {
        wrong.push(`${name} was created, and cannot be written to: ${errorCode}`);
      }
    }
    const ready = await readiness(this.#ports), text = await scrape(this.#ports);
    if (ready?.status !== 200) wrong.push(`/readyz: ${ready?.status} ${ready?.body}`);
    const offline = text === null ? null : sample(text, "runnel_partitions_offline");
    if (offline !== 0) wrong.push(`runnel_partitions_offline ${offline}`);
    return wrong;
  }

  /** A stop within the shortage, a start within it, and a start after it. */
  async #stopAndStart(): Promise<void> {
    const { name } = this.#shortage;
    await this.#shortage.begin(this.#ports);
    const stopped = await this.#stop();
    this.#cells.set("stop", stopped === 0 ? "clean" : `exit ${stopped}`);
    const isSaid = /runnel: |ERROR|WARN/.test(await Deno.readTextFile(this.#log));
    tally.check(
      `${name}: a stop within it (exit code ${stopped})`,
      stopped === 0 || stopped === 1 && isSaid ? [] : [`exit code ${stopped}`],
    );
    const before = (await Deno.stat(this.#log)).size;
    this.#victim = this.#spawn();
    const answers = await this.#victim.listens(20_000).then(
      () => null,
      (error: Error) => error.message,
    );
    const said = new TextDecoder().decode((await Deno.readFile(this.#log)).subarray(before));
    const words = /^(runnel: .*|.*ERROR.*)$/m.exec(said)?.[0] ?? "";
    const isRefusal = answers !== null && /^runnel: /m.test(said) && !/Uncaught/.test(said);
    this.#cells.set(
      "start",
      answers === null ? "serves" : isRefusal ? "refused in words" : "wrong",
    );
    tally.check(
      `${name}: a start within it (${answers === null ? "serves" : words.slice(0, 120)})`,
      answers === null || isRefusal ? [] : [answers],
    );
    await this.#shortage.end();
    if (answers !== null) return await this.#start();
    this.#connection = await connect(this.#ports);
    tally.check(`${name}: started within it, all is well after it`, await this.#untilServed());
  }

  async #start(): Promise<void> {
    await this.#victim.kill();
    this.#victim = this.#spawn();
    await this.#victim.listens();
    this.#connection = await connect(this.#ports);
    tally.check(`${this.#shortage.name}: a start after it`, await this.#untilServed());
  }

  async #stop(): Promise<number | null> {
    this.#connection.close();
    return await this.#victim.stop(20_000);
  }
}

function isRight({ errors }: Operation, outcome: string): boolean {
  return outcome === "ok" || outcome === "none left" || errors.includes(outcome);
}

async function* shortages(): AsyncGenerator<Shortage> {
  for (const limit of [200, 1024, null]) yield new DescriptorsGone(limit);
  const needRoot = [
    () => new DiskFull(`${folder}/full`, DISK_BYTES),
    () => new DiskAtFloor(`${folder}/floor`, DISK_BYTES),
    () => new ReadOnly(`${folder}/ro`, DISK_BYTES),
    () => new LittleMemory(),
  ];
  for (const make of needRoot) {
    const shortage = make();
    try {
      await shortage.make();
    } catch (error) { // no root, or a container without loop devices or control groups
      console.log(`left out: ${shortage.name}: ${(error as Error).message}`);
      continue;
    }
    yield shortage;
  }
}

const COLUMNS = [...OPERATIONS.map(({ name }) => name), "/readyz", "stop", "start"];
const DOOMED = Array.from({ length: 8 }, (_, i) => `doomed-${i}`);
const TRIES = 3, HEALING_MS = 30_000;

let n = 0;
for await (const shortage of shortages()) {
  if (!shortage.name.includes(only)) {
    await shortage.dispose();
    continue;
  }
  const campaign = new Campaign(shortage, n++);
  try {
    await campaign.run();
  } catch (error) {
    tally.check(`${shortage.name}: the campaign comes to its end`, [
      String((error as Error).stack ?? error),
    ]);
  } finally {
    await campaign.dispose();
  }
}
console.log(`\n| shortage | ${COLUMNS.join(" | ")} |\n|${" --- |".repeat(COLUMNS.length + 1)}`);
console.log(`${rows.join("\n")}\n`);
if (tally.failed === 0) await bash(`rm -rf ${folder}`);
else console.log(`the brokers' logs: ${folder}`);
tally.exit();
