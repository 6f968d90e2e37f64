/** findingsOf: what verify tells of a partition, a line for each file and what is wrong with it. */
import { segmentName } from "../segments/segment.ts";
import type { Examined, Fault } from "./examine.ts";
import type { JudgedFiles } from "./judge.ts";
import type { Damage, Finding } from "./verify.ts";

export function* findingsOf(
  folder: string,
  { judged, examined, damage }: {
    judged: JudgedFiles;
    examined: Examined;
    damage: Damage | null;
  },
): Generator<Finding> {
  if (damage !== null) {
    yield ofDamage(folder, damage);
    return;
  }
  const fileOf = (base: number) => `${folder}/${segmentName(base)}.log`;
  for (const { kind, file, what } of judged.healed) {
    yield { kind, file: `${folder}/${file}`, problem: what };
  }
  for (const { base, patches, isLost } of examined.segments) {
    if (patches.length === 0) continue;
    const bytes = patches.reduce((sum, patch) => sum + patch.bytes.length, 0);
    const what = isLost ? "is missing" : "has not what belongs there";
    const problem = `${what}; the journal has it: ${patches.length} batches, ${bytes} bytes, ` +
      `from position ${patches[0].position} on`;
    yield { kind: "restored", file: fileOf(base), problem };
  }
  for (const { segmentBase, position, found, epoch } of examined.epochRepairs) {
    const problem = `the batch at position ${position} has leader epoch ${found}; by its ` +
      `neighbours it is ${epoch}`;
    yield { kind: "restored", file: fileOf(segmentBase), problem };
  }
  const looked = judged.bases.findLast((base) => base <= judged.options.recoveryPoint) ?? 0;
  for (const { segmentBase, problem } of examined.tails) { // a start does not look at what was synced
    yield { kind: segmentBase < looked ? "foreign" : "torn", file: fileOf(segmentBase), problem };
  }
  if (examined.torn !== null) {
    const what = `${textOf(examined.torn)}; ${examined.torn.bytes} bytes lie there`;
    yield { kind: "torn", file: fileOf(examined.torn.segmentBase), problem: what };
  }
  const { withheld } = judged, { logEndOffset } = examined;
  const isStray = withheld !== null && withheld !== logEndOffset;
  for (const base of isStray ? [...examined.strays, withheld] : examined.strays) {
    const problem = `does not continue the log, which ends at ${logEndOffset}`;
    yield { kind: "stray", file: fileOf(base), problem };
  }
}

function ofDamage(folder: string, damage: Damage): Finding {
  const { isAllGone, isOthers, shouldBegin, segmentBase, bytes, records } = damage;
  if (isAllGone || isOthers || shouldBegin !== null) {
    return { kind: "damage", file: folder, problem: textOf(damage) };
  }
  const what = bytes === 0 ? "nothing lies" : `${bytes} bytes with ${records} readable records lie`;
  const problem = `${textOf(damage)}; ${what} there and behind`;
  return { kind: "damage", file: `${folder}/${segmentName(segmentBase)}.log`, problem };
}

/** Without the folder or file that it begins with. */
function textOf({ problem }: Fault): string {
  return problem.replace(/^[^:]+: /, "");
}
