/**
 * Runs benches and prints a table: `deno task bench [--size smoke|full] [--address HOST:PORT] [name…]`.
 *
 * Without an address it starts a broker in a process of its own for each flush setting a bench asks for. Rights: net,
 * read, write (a temporary directory), env, sys (the machine's line in the table), run (only to start that broker).
 */
import { parseArgs } from "@std/cli/parse-args";
import type { Bench, Size, Target } from "./types.ts";
import { acls, manyTopics } from "./acls.ts";
import { compaction } from "./compaction.ts";
import { e2e } from "./e2e.ts";
import { fetch } from "./fetch.ts";
import { oneRecord } from "./one_record.ts";
import { produce } from "./produce.ts";
import { heading, type Line, report } from "./report.ts";
import { runningBroker, spawnBroker } from "./targets.ts";
import { transactions } from "./transactions.ts";

export const benches: readonly Bench[] = [
  produce,
  oneRecord,
  fetch,
  e2e,
  compaction,
  transactions,
  manyTopics,
  acls,
];

/** Runs benches one after the other, each with every flush setting it asks for, on brokers that `start` gives. */
export async function runBenches(
  chosen: readonly Bench[],
  size: Size,
  start: (flush: Line["flush"], bench: Bench) => Promise<Target>,
  flushes?: readonly Line["flush"][],
): Promise<Line[]> {
  const lines: Line[] = [];
  for (const bench of chosen) {
    for (const flush of flushes ?? bench.flush) {
      const target = await start(flush, bench);
      try {
        for (const result of await bench.run(target, size)) {
          lines.push({ ...result, bench: bench.name, flush });
        }
      } finally {
        await target.stop();
      }
    }
  }
  return lines;
}

/** The benches of these names, or all. Throws an Error for a name there is none of. */
export function choose(names: readonly string[]): readonly Bench[] {
  if (names.length === 0) return benches;
  return names.map((name) => {
    const bench = benches.find((bench) => bench.name === name);
    if (bench) return bench;
    throw new Error(`Bench "${name}": needed is one of ${benches.map((b) => b.name).join(", ")}`);
  });
}

export function parseSize(text: string): Size {
  if (text === "smoke" || text === "full") return text;
  throw new Error(`--size ${text}: needed is smoke or full`);
}

if (import.meta.main) {
  const args = parseArgs(Deno.args, { string: ["size", "address"] });
  const size = parseSize(String(args.size ?? "full"));
  const chosen = choose(args._.map(String));
  const lines = args.address
    ? await runBenches(chosen, size, () => Promise.resolve(runningBroker(args.address!)), ["given"])
    : await runBenches(
      chosen,
      size,
      (flush, { asksAcls }) => spawnBroker(flush === "given" ? "fsync" : flush, { asksAcls }),
    );
  console.log(heading(`deno task bench ${Deno.args.join(" ")}`.trim()));
  console.log(report(lines));
}
