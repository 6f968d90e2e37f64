/**
 * `runnel group reset`: moves what a group has committed. It shows what it would do, asks, and does it; and it refuses
 * while the group has members, since those would commit over it.
 */
import { commitOffsets } from "../../client/group_changes.ts";
import { committedOffsets, describeGroup } from "../../client/groups.ts";
import type { Run } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { connected } from "../connected.ts";
import { counted } from "../counted.ts";
import type { Output } from "../output.ts";
import { printable } from "../table.ts";
import { offsetsLine } from "./offsets_file.ts";
import { chosenTopics } from "./partitions.ts";
import { type PlannedReset, planReset } from "./reset_plan.ts";
import { resetTarget } from "./reset_target.ts";

export const resetGroup: Run = (call) => {
  const [groupId] = call.words, target = resetTarget(call, Date.now());
  const chosen = chosenTopics(call), isAll = call.has("--all-topics");
  if (target.kind === "file") {
    if (isAll || chosen.length > 0) {
      throw call.misused("--file says which partitions, so leave out --topic and --all-topics");
    }
  } else if (isAll === chosen.length > 0) {
    throw call.misused("needs either --topic or --all-topics");
  }
  if (call.has("--csv") && call.has("--json")) {
    throw call.misused("--csv and --json exclude each other");
  }
  return connected(call, async ({ cluster, out, bootstrap }) => {
    const group = await describeGroup(cluster, groupId);
    if (group !== null && group.members.length > 0) {
      console.error(
        `runnel: Group ${printable(groupId)} is ${group.state} and has ${
          counted(group.members.length, "member")
        }, who would ` +
          "commit over it: stop them first. Nothing was changed",
      );
      return 1;
    }
    const committed = await committedOffsets(cluster, groupId);
    const topics = isAll ? null : chosen;
    const plan = await planReset(cluster, { groupId, target, topics, committed });
    if (plan.length === 0) {
      console.error(`runnel: Group ${printable(groupId)} has committed nothing at ${bootstrap}`);
      return 1;
    }
    show(out, plan, call.has("--csv"));
    if (call.has("--dry-run")) return 0;
    const partitions = counted(plan.length, "partition");
    const question = `Set group ${groupId} at ${bootstrap} to this in ${partitions}?`;
    if (!confirmed(call, question)) return 1;
    await commitOffsets(cluster, groupId, plan.map(committedAs));
    if (!out.isJson && !call.has("--csv")) out.line(`${groupId}: ${partitions} set`);
    return 0;
  });
};

function show(out: Output, plan: readonly PlannedReset[], isCsv: boolean): void {
  if (isCsv) {
    for (const one of plan) out.line(offsetsLine(committedAs(one)));
    return;
  }
  out.table(
    ["topic", "partition", "before", "after", "start", "end"],
    plan.map(({ topic, partition, before, after, start, end }) => [
      topic,
      partition,
      before,
      after,
      start,
      end,
    ]),
  );
}

function committedAs({ topic, partition, after }: PlannedReset) {
  return { topic, partition, offset: after };
}
