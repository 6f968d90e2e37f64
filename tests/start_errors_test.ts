/**
 * Proves that whatever a person can get wrong at a start is told in one line: `runnel: …`, with what, where and what to
 * do, exit code 1, and never a stack trace. Each case is the executable's own entry, run as a process.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { buildBatch } from "../src/protocol/records/build.ts";
import { FileStore } from "../src/storage/backends/file_store.ts";
import { FrozenLog } from "../src/topics/frozen_log.ts";
import { TestBroker, withDirectory } from "./broker/harness.ts";

const METADATA = "__cluster_metadata-0";
const LOG = `${METADATA}/00000000000000000000.log`;
const RIGHTS = [
  "--no-check",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys=hostname,networkInterfaces,statfs",
];

interface Case {
  readonly name: string;
  /** What is done to a data directory that a broker stopped in; without it there is none. */
  readonly damage?: (path: string) => Promise<void>;
  /** `{}` is the directory. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The text of the configuration file. */
  readonly toml?: string;
  /** What the line must say. */
  readonly says: readonly string[];
}

const properties = (text: string) => (path: string) =>
  Deno.writeTextFile(`${path}/meta.properties`, text);

const folderInPlaceOf = (name: string) => async (path: string) => {
  await Deno.remove(`${path}/${name}`, { recursive: true }).catch(() => {});
  await Deno.mkdir(`${path}/${name}`);
};

const CASES: readonly Case[] = [
  {
    name: "a directory of another node",
    damage: () => Promise.resolve(),
    args: ["--node-id=5"],
    says: ["{}/meta.properties", "node.id=0", "node 5", "--node-id=0"],
  },
  {
    name: "an unknown version in meta.properties",
    damage: properties("version=9\nnode.id=0\ncluster.id=x\n"),
    says: ["{}/meta.properties", "version=9", "needs version=1", "--storage-path"],
  },
  {
    name: "an empty meta.properties",
    damage: properties(""),
    says: ["{}/meta.properties is empty", "backup"],
  },
  {
    name: "a meta.properties of random bytes",
    damage: (path) =>
      Deno.writeFile(`${path}/meta.properties`, crypto.getRandomValues(new Uint8Array(300))),
    says: ["{}/meta.properties", "backup"],
  },
  {
    name: "a meta.properties without cluster.id",
    damage: properties("version=1\nnode.id=0\n"),
    says: ["{}/meta.properties", "cluster.id", "backup"],
  },
  {
    name: "a meta.properties without directory.id",
    damage: properties("version=1\nnode.id=0\ncluster.id=x\n"),
    says: ["{}/meta.properties", "directory.id", "backup"],
  },
  {
    name: "a missing meta.properties",
    damage: (path) => Deno.remove(`${path}/meta.properties`),
    says: ["{}", "no meta.properties", "backup"],
  },
  ...["meta.properties", ".lock", "runnel-inventory", ".kafka_cleanshutdown"].map((name): Case => ({
    name: `a folder where ${name} should be`,
    damage: folderInPlaceOf(name),
    says: [`{}/${name}`, "directory", "move it away"],
  })),
  {
    name: "a file where the metadata's folder should be",
    damage: async (path) => {
      await Deno.remove(`${path}/${METADATA}`, { recursive: true });
      await Deno.writeTextFile(`${path}/${METADATA}`, "hello");
    },
    says: [`{}/${METADATA}`, "directory"],
  },
  {
    name: "metadata that is gone",
    damage: (path) => Deno.remove(`${path}/${METADATA}`, { recursive: true }),
    says: [`{}/${METADATA}`, "runnel storage verify", "backup"],
  },
  {
    name: "damaged metadata",
    damage: async (path) => {
      using file = await Deno.open(`${path}/${LOG}`, { write: true });
      await file.seek(150, Deno.SeekMode.Start);
      await file.write(new Uint8Array(20).fill(255));
    },
    says: [`{}/${METADATA}`, "is damaged", "runnel storage verify", "backup"],
  },
  {
    name: "a metadata record of a newer Kafka",
    damage: (path) => appendRecord(path, new Uint8Array([1, 0x7b, 0])),
    says: [`{}/${METADATA}`, "type 123", "newer Kafka", "Nothing has been changed"],
  },
  {
    name: "a metadata record in a newer version",
    damage: (path) => appendRecord(path, new Uint8Array([1, 2, 99, 0])),
    says: [`{}/${METADATA}`, "TopicRecord", "99", "Nothing has been changed"],
  },
  {
    name: "a metadata record of rubbish",
    damage: (path) => appendRecord(path, new Uint8Array([1, 2, 0, 200, 1])),
    says: [`{}/${METADATA}`],
  },
  {
    name: "a quorum-state of rubbish",
    damage: (path) => Deno.writeTextFile(`${path}/${METADATA}/quorum-state`, "garbage"),
    says: [`{}/${METADATA}/quorum-state`, "garbage", "backup"],
  },
  {
    name: "somebody else's directory",
    damage: async (path) => {
      await Deno.remove(path, { recursive: true });
      await Deno.mkdir(path);
      await Deno.writeTextFile(`${path}/photo.jpg`, "");
    },
    says: ["{}", "photo.jpg", "--storage-path"],
  },
  {
    name: "a data directory that is a file",
    args: ["--storage-path=README.md"],
    says: ["README.md", "is a file", "--storage-path"],
  },
  {
    name: "a data directory below a file",
    args: ["--storage-path=README.md/data"],
    says: ["README.md/data", "--storage-path"],
  },
  {
    name: "a data directory that cannot be made",
    args: ["--storage-path=/proc/runnel"],
    says: ["/proc/runnel", "--storage-path"],
  },
  {
    name: "a data directory with too long a name",
    args: [`--storage-path=/tmp/${"a".repeat(300)}`],
    says: ["/tmp/aaa", "too long", "--storage-path"],
  },
  {
    name: "an address that this machine does not have",
    args: ["--listen-addresses=192.0.2.1", "--insecure"],
    says: ["192.0.2.1", "listen_addresses"],
  },
  {
    name: "an address that cannot be bound",
    args: ["--listen-addresses=127.0.0.1,fe80::1", "--insecure"],
    says: ["fe80::1", "listen_addresses"],
  },
  {
    name: "a name that nobody knows",
    args: ["--listen-addresses=127.0.0.1,nowhere.invalid", "--insecure"],
    says: ["nowhere.invalid", "listen_addresses"],
  },
  {
    name: "an address given twice",
    args: ["--listen-addresses=127.0.0.1,localhost"],
    says: ["127.0.0.1, localhost", "the same", "listen_addresses"],
  },
  {
    name: "an advertised port that there is none of",
    args: ["--advertised-address=h:99999"],
    says: ["99999"],
  },
  {
    name: "a configuration file that is a folder",
    args: ["--config=src"],
    says: ["src", "directory", "--config"],
  },
  {
    name: "a configuration file that does not parse",
    toml: "kafka_port = = 1\n",
    says: ["runnel.toml:1", "is not TOML", "kafka_port = = 1"],
  },
  {
    name: "a configuration file of random bytes",
    toml: "\u0000\u0001\ufffd[[[=",
    says: ["runnel.toml:1", "is not TOML"],
  },
  {
    name: "a variable that there is none of",
    env: { RUNNEL_STORAGE_PTH: "x" },
    says: ["RUNNEL_STORAGE_PTH", "RUNNEL_STORAGE_PATH"],
  },
  { name: "a command that there is none of", args: ["topics"], says: ["topics", "runnel help"] },
];

Deno.test("whatever is wrong at a start is one line of words, and exit code 1", async (t) => {
  await withDirectory(async (root) => {
    await (await TestBroker.start({ path: `${root}/base` })).stop();
    const open = CASES.map((one, i) => () =>
      t.step({
        name: one.name,
        fn: () => refused(one, root, i),
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
      })
    );
    await Promise.all([0, 1].map(async () => {
      for (let next = open.shift(); next !== undefined; next = open.shift()) await next();
    }));
  });
});

Deno.test("a port in use is one line with the port and the flag that changes it", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  try {
    for (const flag of ["--kafka-port", "--http-port"]) {
      const other = flag === "--kafka-port" ? "--http-port=0" : "--kafka-port=0";
      const args = [`${flag}=${port}`, other, "--storage-path=memory://"];
      assertOneLine(await run(args), [`Port ${port} (${flag})`, "in use"], "");
    }
  } finally {
    taken.close();
  }
});

Deno.test("a directory that another broker has is one line", async () => {
  await withDirectory(async (path) => {
    await using _broker = await TestBroker.start({ path });
    const args = ["--kafka-port=0", "--http-port=0", `--storage-path=${path}`];
    assertOneLine(await run(args), [path, "another broker is running on it"], path);
  });
});

Deno.test("a directory that may not be written is one line with the flag that chooses another", async () => {
  await withDirectory(async (path) => {
    const args = ["--kafka-port=0", "--http-port=0", `--storage-path=${path}/data`];
    const rights = RIGHTS.map((right) =>
      right === "--allow-write" ? `--allow-write=${path}/other` : right
    );
    assertOneLine(await run(args, { rights }), [`${path}/data`, "--storage-path"], path);
  });
});

async function refused(one: Case, root: string, number: number): Promise<void> {
  const path = `${root}/${number}`;
  if (one.damage !== undefined) {
    await copyOf(`${root}/base`, path);
    await one.damage(path);
  }
  const args = ["--kafka-port=0", "--http-port=0"];
  if (one.toml !== undefined) {
    await Deno.writeTextFile(`${root}/${number}-runnel.toml`, one.toml);
    args.push(`--config=${root}/${number}-runnel.toml`);
  }
  const isPathGiven = one.args?.some((arg) => arg.startsWith("--storage-path"));
  if (!isPathGiven) args.push(`--storage-path=${one.damage ? path : "memory://"}`);
  const isCommand = one.args?.some((arg) => !arg.startsWith("--"));
  const ended = await run(isCommand ? one.args! : [...args, ...one.args ?? []], { env: one.env });
  assertOneLine(ended, one.says, path);
}

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

function assertOneLine({ code, out, error }: Ended, says: readonly string[], path: string): void {
  assert(!/Uncaught|^\s+at /m.test(error), `a stack trace is printed:\n${error}`);
  // What was logged before is for whoever looks for more.
  const lines = error.trimEnd().split("\n").filter((line) => !/^\d{4}-\d\d-\d\dT/.test(line));
  assertEquals(lines.length, 1, `more than one line is printed:\n${error}`);
  assertMatch(lines[0], /^runnel: /);
  for (const words of says) assertStringIncludes(lines[0], words.replace("{}", path));
  assertEquals([code, out], [1, ""]);
}

async function run(
  args: readonly string[],
  { env = {}, rights = RIGHTS }: {
    env?: Readonly<Record<string, string>>;
    rights?: readonly string[];
  } = {},
): Promise<Ended> {
  const child = new Deno.Command("deno", {
    args: ["run", ...rights, "main.ts", ...args],
    cwd: new URL("..", import.meta.url),
    env: { ...env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // A start that succeeds would never end.
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), error: text(stderr) };
}

async function appendRecord(path: string, value: Uint8Array): Promise<void> {
  const store = new FileStore(path);
  const baseOffset = new FrozenLog(store, METADATA).logEndOffset;
  store.close();
  const batch = buildBatch({
    records: [{ timestampMs: 1, value }],
    baseOffset,
    partitionLeaderEpoch: 1,
  });
  await Deno.writeFile(`${path}/${LOG}`, batch, { append: true });
}

async function copyOf(path: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory) await copyOf(`${path}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${path}/${name}`, `${to}/${name}`);
  }
}
