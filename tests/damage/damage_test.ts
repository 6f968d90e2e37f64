/**
 * Proves that a damaged data directory is served right, healed with a warning, or refused in words, and never silently
 * served wrong: a sample of the campaign, or all of it (`deno task test:damage`). And that the judge would see it.
 */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../random.ts";
import type { Answers } from "./answers.ts";
import { Campaign, type Case, nameOfCase } from "./campaign.ts";
import { compare, type Damaged, judgeRefused, judgeServed } from "./judge.ts";
import { failuresOf } from "./report.ts";
import type { Tree } from "./tree.ts";

const SAMPLE = 120;

Deno.test("a damaged directory is served right, healed with a warning, or refused in words", async () => {
  using campaign = await Campaign.prepare();
  const seed = Number(Deno.env.get("RUNNEL_SEED") ?? Date.now() % 1_000_000);
  const isAll = Deno.env.get("RUNNEL_DAMAGE") === "all";
  const cases = isAll ? campaign.cases : sampleOf(campaign.cases, new Random(seed));
  assertEquals(missingFrom(campaign.cases), [], "every file is damaged, under names that differ");
  const judged = await campaign.run(cases);
  assertEquals(failuresOf(judged), "", `seed ${seed}`);
});

/** The files that no case removes, and the names that two cases have. */
function missingFrom(cases: readonly Case[]): string[] {
  const names = Map.groupBy(cases, nameOfCase);
  const twice = [...names].filter(([_, ones]) => ones.length > 1).map(([name]) => name);
  const files = [...new Set(cases.map(({ variant }) => variant))].flatMap(({ name, tree }) =>
    [...tree].filter(([_, bytes]) => bytes !== null).map(([path]) => `${name}: ${path}: removed`)
  );
  return [...twice, ...files.filter((name) => !names.has(name))];
}

/** As many of each kind of file and each kind of damage as there is room for. */
function sampleOf(cases: readonly Case[], random: Random): Case[] {
  const kinds = Map.groupBy(cases, ({ damage }) => damage.kind);
  const each = Math.ceil(SAMPLE / kinds.size);
  return [...kinds.values()].flatMap((ofKind) => {
    const left = [...ofKind];
    return Array.from(
      { length: Math.min(each, left.length) },
      () => left.splice(random.below(left.length), 1)[0],
    );
  });
}

// ---- The judge

const bytes = (...all: number[]) => new Uint8Array(all);
const LOG = "plain-0/00000000000000000000.log";
const before: Tree = new Map<string, Uint8Array | null>([
  ["plain-0", null],
  [LOG, bytes(1, 2, 3, 4)],
]);
const damaged: Tree = new Map<string, Uint8Array | null>([["plain-0", null], [LOG, bytes(1, 2)]]);
const cut: Damaged = { paths: [LOG], partitions: ["plain-0"], before, damaged };
const right = { error: 0, value: "0–9", parts: ["0", "1"] };
const answers = (thing: string, answer = right): Answers =>
  new Map([[thing, new Map([["read", answer]])]]);
const warning = { level: "warning", text: 'partition_offline { folder: "plain-0" }' };

function judged(thing: string, answer: typeof right, lines = [warning], after = damaged) {
  return judgeServed(cut, compare(answers(thing), answers(thing, answer), ""), lines, after);
}

Deno.test("the judge takes right answers, with fewer batches too, and honest errors of what is damaged", () => {
  assertEquals(judged("plain-0", right, []).outcome, "served right");
  assertEquals(judged("plain-0", right).outcome, "healed with a warning");
  assertEquals(judged("plain-0", { ...right, parts: ["0"] }, []).outcome, "served right");
  assertEquals(judged("plain-0", { error: 56, value: "", parts: [] }).outcome, "offline in words");
});

Deno.test("the judge sees wrong answers, missing ones, errors elsewhere, silence and lost bytes", () => {
  const offline = { error: 56, value: "", parts: [] };
  const faults = (verdict: { outcome: unknown; faults: readonly string[] }) => {
    assertEquals(verdict.outcome, null);
    return verdict.faults.join();
  };
  faults(judged("plain-0", { ...right, value: "0–8" }));
  faults(judged("plain-0", { ...right, parts: [] }));
  faults(judged("plain-0", { ...right, parts: ["0", "2"] }));
  faults(judged("plain-0", { ...right, parts: ["0", "1", "2"] }));
  faults(judged("plain-0", { error: 1, value: "", parts: [] }));
  faults(judged("plain-1", offline));
  assert(faults(judged("plain-0", offline, [])).includes("no line says why"));
  const info = { ...warning, level: "info" };
  assert(faults(judged("plain-0", offline, [info])).includes("only a line at INFO"));
  const without = (path: string) => new Map([...damaged].filter(([at]) => at !== path));
  assert(faults(judged("plain-0", right, [], without(LOG))).includes(`bytes of ${LOG} are gone`));
  assert(faults(judged("plain-0", right, [], without("plain-0"))).includes("the folder plain-0"));
  const missing = judgeServed(cut, compare(answers("plain-0"), new Map(), ""), [], damaged);
  assert(faults(missing).includes("no answer"));
});

Deno.test("the judge takes a refusal that names the place and changes nothing, and no other", () => {
  const words = new Error("plain-0 ends at 2, and should end at 4: restore it from a backup");
  assertEquals(judgeRefused(cut, words, damaged).outcome, "refused in words");
  assertEquals(judgeRefused(cut, new Error("something is wrong somewhere"), damaged).outcome, null);
  assertEquals(judgeRefused(cut, new TypeError(words.message), damaged).outcome, null);
  assertEquals(judgeRefused(cut, words, before).outcome, null);
  const more = new Map([...damaged, ["new", bytes()]]);
  assertEquals(judgeRefused(cut, words, more).outcome, null);
});
