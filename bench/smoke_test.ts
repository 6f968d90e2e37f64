/**
 * Keeps the benches from rotting: every one runs in its smoke size against a broker in this process that keeps its data
 * in memory, and every micro-benchmark runs once.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { startBroker } from "../src/broker.ts";
import { defaultConfig } from "../src/config/options.ts";
import { consoleBench, consoleTable } from "./console.ts";
import { certificateIn, floods, floodTable } from "./floods.ts";
import { attacks } from "./floods_attack.ts";
import { report } from "./report.ts";
import { benches, choose, runBenches } from "./run.ts";
import { scales, scaleTable } from "./scale.ts";
import type { Target } from "./types.ts";
import { layouts, type Life, sizeOf, uncleanStart } from "./unclean_start.ts";
import { ownUsage } from "./usage.ts";

interface InProcess extends Target {
  readonly httpAddress: string;
  readonly tlsAddress?: string;
}

/** With a TLS listener beside the plain one where there is a certificate. */
async function inProcess(
  _flush?: unknown,
  { certificateFile = "", asksAcls = false }: {
    readonly certificateFile?: string;
    readonly asksAcls?: boolean;
  } = {},
): Promise<InProcess> {
  const defaults = defaultConfig(),
    listeners = ["PLAINTEXT", "SSL"].map((protocol) => ({ protocol }));
  const broker = await startBroker({
    ...defaults,
    listeners: certificateFile === "" ? [] : listeners,
    tls: { ...defaults.tls, certificateFile },
    kafkaPort: 0,
    httpPort: 0,
    storage: { ...defaults.storage, path: "memory://" },
    groups: { ...defaults.groups, initialRebalanceDelayMs: 100 },
    authorization: {
      ...defaults.authorization,
      mode: asksAcls ? "on" : "off",
      allowEveryoneIfNoAclFound: asksAcls,
    },
  });
  return {
    address: broker.kafkaAddress,
    httpAddress: broker.httpAddress!,
    tlsAddress: broker.listeners[1]?.address,
    usage: () => Promise.resolve(ownUsage()),
    stop: () => broker.stop(),
  };
}

for (const bench of benches) {
  Deno.test(`bench ${bench.name} runs in its smoke size`, async () => {
    const lines = await runBenches([bench], "smoke", inProcess, ["given"]);
    assert(lines.length > 0);
    for (const line of lines) {
      assert(line.requests > 0, `${line.load}: nothing was measured`);
      assertEquals(line.latency.count, line.requests);
      assert(line.bytes > 0, `${line.load}: no bytes were moved`);
    }
    assert(report(lines).includes(`| ${bench.name} | given |`));
  });
}

for (const [name, scale] of Object.entries(scales)) {
  Deno.test(`scale ${name} runs in its smoke size`, async () => {
    const lines = await scale(inProcess, "smoke");
    assert(lines.length > 0);
    for (const { what, figures } of lines) {
      for (const [column, figure] of Object.entries(figures)) {
        assert(/^-?\d/.test(figure), `${what}: ${column} is ${figure}`);
      }
    }
    assert(scaleTable(lines).includes(`| ${lines[0].what} | `));
  });
}

Deno.test("the console's bench runs in its smoke size", async () => {
  const target = await inProcess();
  const lines = await consoleBench(target, "smoke").finally(target.stop);
  for (const { path, latency } of lines.answers) assert(latency.count > 0, path);
  assert(lines.costs.every(({ mean, half }) => Number.isFinite(mean + half)));
  assert(consoleTable(lines).includes("| overview | 2 | "));
});

for (const name of Object.keys(attacks)) {
  Deno.test(`flood ${name} runs in its smoke size`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "runnel-floods-" });
    const lines = await floods([name], "smoke", async ({ isTls }) => {
      const { rss } = Deno.memoryUsage();
      const memory = () => Promise.resolve({ peakBytes: rss, nowBytes: rss, descriptors: 0 });
      const shown = isTls ? await certificateIn(folder) : null;
      const broker = await inProcess(undefined, { certificateFile: shown?.file });
      const tls = shown && { address: broker.tlsAddress!, caCert: shown.caCert, stop: broker.stop };
      return { ...broker, ...tls && { tls }, memory };
    });
    await Deno.remove(folder, { recursive: true });
    for (const { what, figures } of lines) {
      for (const [column, figure] of Object.entries(figures)) {
        assert(Number(figure) >= 0, `${what}: ${column} is ${figure}`);
      }
    }
    assert(floodTable(lines).includes(`| ${attacks[name].what} | `));
  });
}

/** A broker in this process cannot be killed; a copy of its directory is what a kill would have left. */
async function beginInProcess(folder: string): Promise<Life> {
  const defaults = defaultConfig();
  const broker = await startBroker({
    ...defaults,
    kafkaPort: 0,
    httpPort: 0,
    storage: { ...defaults.storage, path: folder },
  });
  return {
    address: broker.kafkaAddress,
    stop: () => broker.stop(),
    kill: async () => {
      const left = `${folder}.killed`;
      copyFolder(folder, left);
      await broker.stop();
      return left;
    },
  };
}

function copyFolder(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyFolder(`${from}/${name}`, `${to}/${name}`);
    else if (name !== ".lock") Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}

for (const [name, layout] of Object.entries(layouts)) {
  Deno.test(`unclean start of ${name} runs in its smoke size`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "runnel-unclean-" });
    try {
      const lines = await uncleanStart(beginInProcess, `${folder}/data`, layout, sizeOf("smoke"));
      assertEquals(lines.length, 3);
      for (const { what, figures } of lines) {
        for (const [column, figure] of Object.entries(figures)) {
          assert(Number(figure) >= 0 && Number(figure) < 30, `${what}: ${column} is ${figure}`);
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("choose() refuses a bench there is none of", () => {
  assertThrows(() => choose(["prodce"]), Error, 'Bench "prodce": needed is one of produce');
});

const here = new URL(".", import.meta.url);
const files = [here, new URL("rooms/", here)].flatMap((folder) =>
  [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".ts"))
    .map(({ name }) => new URL(name, folder))
    .filter((url) => Deno.readTextFileSync(url).includes("\nDeno.bench("))
);

Deno.test("every micro-benchmark runs", async () => {
  const found: { name: string; run: () => unknown }[] = [];
  const original = Deno.bench;
  Deno.bench =
    ((name: string, run: () => unknown) =>
      found.push({ name, run })) as unknown as typeof Deno.bench;
  try {
    for (const file of files) await import(file.href);
  } finally {
    Deno.bench = original;
  }
  assert(found.length >= files.length && files.length > 0);
  for (const { run } of found) await run();
});
