/**
 * `deno test --no-check --allow-all tests/console_memory.ts`, alone, as it looks at /proc.
 *
 * Proves that looking costs little memory, whatever there is to look at: large values of every kind, and bombs. The broker
 * is a process of its own, whose highest resident memory the kernel keeps; it has served the same routes before, with small
 * records, so that what is counted is what the large ones take.
 */
import { assertEquals } from "@std/assert";
import { spawnBroker, type SpawnedRunnel } from "../bench/targets.ts";
import { Admin } from "../src/client/admin.ts";
import { Consumer } from "../src/client/consumer.ts";
import { Cluster } from "../src/client/cluster.ts";
import { Producer } from "../src/client/producer.ts";
import { API_PATH } from "../src/console/api.ts";

const MIB = 1 << 20, MAX_GROWTH = 16 * MIB;
/** The collector may come late, to few looks; where it did to more, they are made once more with a new broker. */
const MAX_LATE_GROWTH = 32 * MIB, MAX_LATE = 4, MOST_PASSES = 4;
/** Two looks and eight answers hold theirs, and the collector is late. */
const MAX_GROWTH_OF_ALL = 128 * MIB;
const VALUE_BYTES = 5 * MIB, BOMB_BYTES = 64 * MIB;
const CODECS = ["gzip", "snappy", "lz4", "zstd"] as const;

/** Each of 5 MB: no text, text, text that JSON makes six times as long, and JSON with one long text in it. */
const values: Readonly<Record<string, () => Uint8Array>> = {
  binary: () => new Uint8Array(VALUE_BYTES).map((_, i) => i * 7 & 255),
  text: () => new TextEncoder().encode("aé€😀\n".repeat(VALUE_BYTES / 11)),
  control: () => new Uint8Array(VALUE_BYTES).fill(1),
  json: () => new TextEncoder().encode(`{"a":"${"x".repeat(VALUE_BYTES)}","b":[1,2]}`),
};

const topicConfigs = { "max.message.bytes": String(64 * MIB) };

/** What there is to look at, in a directory that a broker has left. */
async function fill(keep: string): Promise<void> {
  const broker = await spawnBroker("os", { keep });
  const cluster = new Cluster({ bootstrap: broker.address });
  try {
    const names = ["small", ...Object.keys(values), ...CODECS];
    await new Admin(cluster).createTopics(
      names.map((name) => ({ name, partitions: 1, configs: topicConfigs })),
    );
    {
      await using producer = new Producer(cluster);
      for (let i = 0; i < 500; i++) {
        producer.send({ topic: "small", key: `${i}`, value: `{"n":${i}}${"x".repeat(2000)}` });
      }
    }
    await using producer = new Producer(cluster, { maxBatchBytes: 64 * MIB });
    for (const [topic, make] of Object.entries(values)) {
      await producer.send({ topic, key: new Uint8Array([255, 0, 254]), value: make() });
    }
    for (const compression of CODECS) {
      await using bomber = new Producer(cluster, {
        compression,
        maxBatchBytes: 2 * BOMB_BYTES,
      });
      await bomber.send({ topic: compression, value: new Uint8Array(BOMB_BYTES) });
      await bomber.send({ topic: compression, key: "after", value: "x" });
    }
  } finally {
    cluster.close();
    await broker.stop();
  }
}

/** What a consumer makes the broker do the first time is not the console's. */
async function consume({ address: bootstrap }: SpawnedRunnel): Promise<void> {
  const cluster = new Cluster({ bootstrap });
  await using consumer = new Consumer(cluster, { autoOffsetReset: "earliest" });
  consumer.assign(Object.keys(values).map((topic) => ({ topic, partition: 0 })));
  for (let read = 0; read < Object.keys(values).length;) read += (await consumer.poll(1000)).length;
  cluster.close();
}

function pathsOf(topic: string): string[] {
  const records = `topics/${topic}/records`, one = `topics/${topic}/partitions/0/records/0`;
  return [
    records,
    `${records}?at=start&limit=500`,
    `${records}?at=start&text=zzzz`,
    `${records}?at=start&regex=(a%2B)%2Bz`,
    `${records}?at=start&jsonpath=%24.a`,
    one,
    `${one}/value`,
    `${one}/key`,
    `${records}/download`,
    `${records}/download?format=csv`,
  ];
}

class Watched {
  readonly #broker: SpawnedRunnel;

  constructor(broker: SpawnedRunnel) {
    this.#broker = broker;
  }

  /** Its status, once all of it is here. */
  async get(path: string): Promise<number> {
    const response = await fetch(`http://${this.#broker.httpAddress}${API_PATH}/${path}`);
    await response.body!.pipeTo(new WritableStream());
    return response.status;
  }

  /** How far resident memory rose at its highest while that went on. */
  async growth(work: () => Promise<unknown>): Promise<number> {
    const { pid } = this.#broker.child, before = await this.#bytes("VmRSS");
    await Deno.writeTextFile(`/proc/${pid}/clear_refs`, "5"); // the highest from now on
    await work();
    return await this.#bytes("VmHWM") - before;
  }

  async #bytes(name: string): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.#broker.child.pid}/status`);
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)![1]) * 1024;
  }
}

/** What one pass over all there is to look at took, by path, with what was answered; and all of them at once. */
interface Pass {
  readonly growths: ReadonlyMap<string, number>;
  readonly statuses: ReadonlyMap<string, number>;
  readonly ofAll: number;
}

/** With a broker of its own, that has served nothing large yet. */
async function pass(keep: string): Promise<Pass> {
  const broker = await spawnBroker("os", { keep });
  try {
    const watched = new Watched(broker);
    for (let i = 0; i < 15; i++) {
      await Promise.all(pathsOf("small").map((path) => watched.get(path)));
    }
    await consume(broker);
    const growths = new Map<string, number>(), statuses = new Map<string, number>();
    for (const path of ALL) {
      const look = async () => void statuses.set(path, await watched.get(path));
      growths.set(path, await watched.growth(look));
    }
    const ofAll = await watched.growth(() => Promise.all(ALL.map((path) => watched.get(path))));
    return { growths, statuses, ofAll };
  } finally {
    await broker.stop();
  }
}

const ALL = [...Object.keys(values), ...CODECS].flatMap(pathsOf);

/** The least that each took in any pass, where that is much: the collector is late by chance, and memory is needed each time. */
function complaintsOf(passes: readonly Pass[]): string[] {
  const least = ALL.map((path) => ({
    path,
    growth: Math.min(...passes.map(({ growths }) => growths.get(path)!)),
  }));
  const told = ({ path, growth }: typeof least[number]) => `${path}: ${mib(growth)}`;
  const late = least.filter(({ growth }) => growth > MAX_GROWTH);
  const ofAll = Math.min(...passes.map(({ ofAll }) => ofAll));
  return [
    ...late.length > MAX_LATE ? late.map(told) : [],
    ...late.filter(({ growth }) => growth > MAX_LATE_GROWTH).map(told),
    ...ofAll > MAX_GROWTH_OF_ALL ? [`all ${ALL.length} at once: ${mib(ofAll)}`] : [],
  ];
}

Deno.test({
  name: "values of 5 MB and bombs of every kind are shown or refused, for 16 MB at most",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const keep = await Deno.makeTempDir({ prefix: "console-memory-" });
    try {
      await fill(keep);
      const passes: Pass[] = [];
      do {
        passes.push(await pass(keep));
        for (const [path, status] of passes.at(-1)!.statuses) {
          const isBomb = CODECS.some((codec) => path.startsWith(`topics/${codec}/`));
          assertEquals([path, status], [path, isBomb && path.includes("/0/") ? 413 : 200]);
        }
      } while (passes.length < MOST_PASSES && complaintsOf(passes).length > 0);
      assertEquals(complaintsOf(passes), [], `in each of ${passes.length} passes`);
    } finally {
      await Deno.remove(keep, { recursive: true });
    }
  },
});

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
