/**
 * Compares this checkout with a commit: `deno task bench:diff REV [--rounds 3] [--size smoke|full] [name…]`.
 *
 * Both brokers take turns within one run, round by round, since on a shared machine only the ratio between neighbours
 * means something. Told are the medians, the ranges, and the ratio of the medians. The load side is this checkout's for
 * both.
 */
import { parseArgs } from "@std/cli/parse-args";
import { heading, type Line } from "./report.ts";
import { choose, parseSize, runBenches } from "./run.ts";
import { spawnBroker } from "./targets.ts";

/** One load on both sides: a figure a round. */
export interface Pair {
  readonly name: string;
  readonly before: number[];
  readonly after: number[];
}

/** Sorts requests a second of both sides under the load they belong to. */
export function pairs(before: readonly Line[], after: readonly Line[]): Pair[] {
  const byName = new Map<string, Pair>();
  const side = (lines: readonly Line[], which: "before" | "after") => {
    for (const line of lines) {
      const name = `${line.bench}, ${line.flush}: ${line.load}`;
      let pair = byName.get(name);
      if (!pair) byName.set(name, pair = { name, before: [], after: [] });
      pair[which].push(line.requests / line.seconds);
    }
  };
  side(before, "before");
  side(after, "after");
  return [...byName.values()];
}

export function ratioTable(compared: readonly Pair[], rev: string): string {
  return [
    `| requests/s | ${rev} | now | now / ${rev} |`,
    "| --- | ---: | ---: | ---: |",
    ...compared.map(({ name, before, after }) =>
      `| ${name} | ${spread(before)} | ${spread(after)} | ${
        (median(after) / median(before)).toFixed(2)
      } |`
    ),
    "",
  ].join("\n");
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** "1000 (900–1200)" */
function spread(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.round);
  return `${Math.round(median(values))} (${low}–${high})`;
}

async function git(args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("git", { args: [...args] }).output();
  if (!success) throw new Error(`git ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

async function compare(): Promise<void> {
  const args = parseArgs(Deno.args, { string: ["size", "rounds"] });
  const [rev, ...names] = args._.map(String);
  if (rev === undefined) throw new Error("bench:diff needs a commit to compare with: HEAD~1");
  const rounds = Number(args.rounds ?? 3);
  if (!(rounds >= 1 && rounds <= 100)) {
    throw new Error(`--rounds ${args.rounds}: needed is 1 to 100`);
  }
  const size = parseSize(String(args.size ?? "full")), chosen = choose(names);
  const folder = await Deno.makeTempDir({ prefix: "runnel-diff-" });
  const checkout = `${folder}/before`;
  await git(["worktree", "add", "--detach", checkout, rev]);
  try {
    const before: Line[] = [], after: Line[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const bench of chosen) {
        for (const flush of bench.flush) {
          const { asksAcls } = bench, old = () => spawnBroker(flush, { checkout, asksAcls });
          before.push(...await runBenches([bench], size, old, [flush]));
          after.push(
            ...await runBenches([bench], size, () => spawnBroker(flush, { asksAcls }), [flush]),
          );
        }
      }
    }
    console.log(heading(`deno task bench:diff ${Deno.args.join(" ")}`));
    console.log(ratioTable(pairs(before, after), rev));
  } finally {
    await git(["worktree", "remove", "--force", checkout]);
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await compare();
