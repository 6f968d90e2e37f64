/**
 * The executable's audit under what it is to stand: a flood of denials beside changes, kill -9, and a file system that is
 * full, in both modes.
 *
 * `RUNNEL` is how to run it, else it runs from the sources; `DENIALS` how many there are (100,000). The full file system is a tmpfs of its own, which needs
 * the right to mount; elsewhere those checks are left out, which is said.
 */
import { assert, assertEquals } from "@std/assert";
import { Connection } from "../../src/client/connection.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { ListOffsets } from "../../src/protocol/messages/list_offsets.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { hashOf, newCredential } from "../../src/security/sasl/scram_credential.ts";
import { writeUser } from "../../src/security/sasl/users_text.ts";
import { Suite } from "../clients/checks.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const RUNNEL = Deno.env.get("RUNNEL") ?? `${Deno.execPath()} run --no-check --allow-all ${MAIN}`;
const DENIALS = Number(Deno.env.get("DENIALS") ?? 100_000);
const ADMIN = { mechanism: "PLAIN", username: "admin", password: "of the broker" } as const;
const MALLORY = { mechanism: "PLAIN", username: "mallory", password: "pencil" } as const;
const POLICY_VIOLATION = 44, TOPIC_AUTHORIZATION_FAILED = 29;

// deno-lint-ignore no-explicit-any -- lines as they are
type Line = any;

const work = await Deno.makeTempDir({ prefix: "runnel-audit-" });
const suite = new Suite("audit");
const mounted: string[] = [];
const processes = new Set<Deno.ChildProcess>();

/** A broker of the executable, with the user admin and one who may do nothing. */
class Broker {
  readonly #process: Deno.ChildProcess;
  readonly #connections: Connection[] = [];

  private constructor(
    process: Deno.ChildProcess,
    readonly port: number,
    readonly httpPort: number,
  ) {
    this.#process = process;
  }

  static async start(name: string, file: string, flags: readonly string[]): Promise<Broker> {
    const users = `${work}/users`,
      credential = await newCredential(hashOf("SCRAM-SHA-512")!, "pencil");
    const user = writeUser({ name: "mallory", mechanism: "SCRAM-SHA-512", credential });
    await Deno.writeTextFile(users, `${user}\n`, { mode: 0o600 });
    const [port, httpPort] = [freePort(), freePort()];
    const args = [
      `--kafka-port=${port}`,
      `--http-port=${httpPort}`,
      `--storage-path=${work}/${name}`,
      "--auth-enabled",
      "--auth-plain-username=admin",
      `--auth-users-file=${users}`,
      `--audit-file=${file}`,
      "--audit-hash-chain",
      ...flags,
    ];
    const env = { RUNNEL_AUTH_PLAIN_PASSWORD: ADMIN.password };
    const process = runnel(args, env).spawn();
    processes.add(process);
    const broker = new Broker(process, port, httpPort);
    for (let i = 0; i < 300; i++) {
      try {
        (await broker.connect()).close();
        return broker;
      } catch {
        await pause(100);
      }
    }
    throw new Error("the broker does not answer");
  }

  async connect(sasl: typeof ADMIN | typeof MALLORY = ADMIN): Promise<Connection> {
    const { port } = this, clientId = "audit suite";
    const connection = await Connection.open({ host: "127.0.0.1", port, sasl, clientId });
    this.#connections.push(connection);
    return connection;
  }

  async isFailing(): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${this.httpPort}/metrics`);
    return (await answer.text()).includes("\nrunnel_audit_failing 1\n");
  }

  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    for (const connection of this.#connections) connection.close();
    this.#process.kill(signal);
    const { code } = await this.#process.status;
    processes.delete(this.#process);
    if (signal === "SIGTERM") assertEquals(code, 0, "the broker's end");
  }
}

try {
  await suite.check(`in a flood of ${DENIALS} denials every change is there`, async () => {
    const file = `${work}/flood/audit.log`;
    const broker = await Broker.start("flood-data", file, ["--audit-rotate-bytes=200000"]);
    const admin = await broker.connect();
    assertEquals(await create(admin, "orders"), 0);
    const began = performance.now();
    let left = DENIALS, isOver = false;
    const flood = Array.from({ length: 4 }, async () => {
      const connection = await broker.connect(MALLORY);
      while (left > 0) {
        const count = Math.min(50, left);
        left -= count;
        await Promise.all(Array.from({ length: count }, () => isDenied(connection)));
      }
    });
    const made: string[] = [], tookMs: number[] = [];
    const changes = (async () => {
      while (!isOver) {
        const name = `made-${made.length}`, sentMs = performance.now();
        assertEquals(await create(admin, name), 0);
        tookMs.push(performance.now() - sentMs);
        made.push(name);
      }
    })();
    await Promise.all(flood).finally(() => isOver = true);
    await changes;
    const seconds = (performance.now() - began) / 1000;
    await broker.end("SIGKILL"); // what was answered is there, whatever becomes of the process
    await verifies(file);
    assertEquals(namesOf(linesOf(file)).slice(1), made);
    const again = await Broker.start("flood-data", file, []);
    await again.end();
    await verifies(file);
    tookMs.sort((a, b) => a - b);
    const p99 = tookMs[Math.floor(tookMs.length * 0.99)].toFixed(0);
    return `${made.length} changes, p99 ${p99} ms, beside ${
      (DENIALS / seconds).toFixed(0)
    } denials a second`;
  }, 180_000);

  await suite.check("after a stop every denial is a line or in a count", async () => {
    const file = `${work}/counted/audit.log`, count = Math.min(DENIALS, 20_000);
    const broker = await Broker.start("counted-data", file, []);
    const mallory = await broker.connect(MALLORY);
    for (let sent = 0; sent < count; sent += 50) {
      await Promise.all(
        Array.from({ length: Math.min(50, count - sent) }, () => isDenied(mallory)),
      );
    }
    await broker.end();
    const lines = linesOf(file), single = lines.filter(({ kind }) => kind === "denial").length;
    const counted = lines.filter(({ kind, of }) => kind === "suppressed" && of === "denial")
      .reduce((sum, { count }) => sum + count, 0);
    assertEquals(single + counted, count);
    await verifies(file);
    return `${single} lines, ${counted} counted`;
  });

  for (const mode of ["continue", "refuse"] as const) {
    const folder = `${work}/small-${mode}`;
    if (!await mountSmall(folder)) {
      await suite.check(
        `a full file system, ${mode}`,
        () => Promise.resolve("left out: nothing can be mounted here"),
      );
      continue;
    }
    await suite.check(`a full file system, ${mode}`, async () => {
      const file = `${folder}/audit.log`;
      const broker = await Broker.start(`${mode}-data`, file, [`--audit-on-failure=${mode}`]);
      const admin = await broker.connect(), mallory = await broker.connect(MALLORY);
      assertEquals(await create(admin, "before"), 0);
      fill(`${folder}/filler`);
      const made = ["before"], asked: Promise<number>[] = [];
      for (let i = 0; i < 100 && !await broker.isFailing(); i++) {
        const name = `full-${i}`; // a page of the file may have room left for some lines
        made.push(name);
        if (mode === "continue") assertEquals(await create(admin, name), 0);
        else asked.push(create(await broker.connect(), name));
        await pause(20);
      }
      assert(await broker.isFailing(), "the disk did not get full");
      if (mode === "continue") {
        for (let i = 0; i < 20; i++) {
          made.push(`kept-${i}`);
          assertEquals(await create(admin, `kept-${i}`), 0);
        }
      } else assertEquals(await create(admin, "refused"), POLICY_VIOLATION);
      await isDenied(mallory);
      const { topics } = await admin.request(Metadata, 12, { topics: [{ name: "before" }] });
      assertEquals(topics[0].errorCode, 0, "what is no change is served");
      Deno.removeSync(`${folder}/filler`);
      for (let i = 0; i < 100 && await broker.isFailing(); i++) await pause(100);
      for (const code of await Promise.all(asked)) assert(code === 0 || code === POLICY_VIOLATION);
      const codes = await Promise.all(asked);
      const kept = made.filter((_, i) => i === 0 || mode === "continue" || codes[i - 1] === 0);
      assertEquals(await create(admin, "after"), 0);
      await broker.end();
      assertEquals(namesOf(linesOf(file)).sort(), [...kept, "after"].sort());
      await verifies(file);
      return `${kept.length} changes before there was room again`;
    });
  }
} finally {
  for (const process of processes) process.kill("SIGKILL");
  for (const folder of mounted) await new Deno.Command("umount", { args: [folder] }).output();
  await Deno.remove(work, { recursive: true });
}
suite.finish();

async function create(connection: Connection, name: string): Promise<number> {
  const { topics: [{ errorCode }] } = await connection.request(CreateTopics, 7, {
    topics: [{ name, numPartitions: 1, replicationFactor: 1 }],
    timeoutMs: 10_000,
  });
  return errorCode;
}

async function isDenied(connection: Connection): Promise<void> {
  const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -2 }];
  const { topics } = await connection.request(ListOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: "orders", partitions }],
  });
  assertEquals(topics[0].partitions[0].errorCode, TOPIC_AUTHORIZATION_FAILED);
}

/** Of the file and those that it was before, in order. */
function linesOf(file: string): Line[] {
  const at = file.lastIndexOf("/"), folder = file.slice(0, at), name = file.slice(at + 1);
  const rotated = [...Deno.readDirSync(folder)].map((entry) => entry.name)
    .filter((one) => one.startsWith(`${name}.`) && !one.endsWith(".head"))
    .sort((a, b) => a.slice(-12) < b.slice(-12) ? -1 : 1);
  return [...rotated, name].flatMap((one) =>
    Deno.readTextFileSync(`${folder}/${one}`).split("\n").slice(0, -1).map((line) =>
      JSON.parse(line)
    )
  );
}

/** Of the topics that were made. */
function namesOf(lines: readonly Line[]): string[] {
  return lines.filter(({ kind, outcome }) => kind === "change" && outcome === "done")
    .flatMap(({ resources }) => resources.map(({ name }: Line) => name));
}

async function verifies(file: string): Promise<void> {
  const { code, stdout } = await runnel(["audit", "verify", file]).output();
  assertEquals([code, new TextDecoder().decode(stdout).includes("not right")], [0, false]);
}

function runnel(args: readonly string[], env: Record<string, string> = {}): Deno.Command {
  const [command, ...first] = RUNNEL.split(" ");
  return new Deno.Command(command, {
    args: [...first, ...args],
    env,
    stdout: args[0] === "audit" ? "piped" : "null",
    stderr: args[0] === "audit" ? "piped" : "null",
  });
}

/** A file system of 256 KiB; false where nothing can be mounted. */
async function mountSmall(folder: string): Promise<boolean> {
  await Deno.mkdir(folder);
  const args = ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder];
  try {
    if (!(await new Deno.Command("mount", { args }).output()).success) return false;
  } catch {
    return false;
  }
  mounted.push(folder);
  return true;
}

/** Takes all the room there is. */
function fill(path: string): void {
  using file = Deno.openSync(path, { write: true, create: true });
  const block = new Uint8Array(4096);
  for (;;) {
    try {
      file.writeSync(block);
    } catch {
      return;
    }
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
