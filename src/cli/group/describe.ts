/**
 * `runnel group describe`: who is in a group, how far behind it is, and what keeps it from getting on. Works with any
 * Kafka; whom a classic group waits for and who is silent only Runnel tells.
 *
 * It looks twice, some seconds apart, for only so is standing still told from being slow.
 */
import { listGroups } from "../../client/groups.ts";
import { counted } from "../counted.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import type { Output } from "../output.ts";
import { printable, table } from "../table.ts";
import { findings, type GroupLook, lagOf, nameOf, partitionName } from "./findings.ts";
import { looks } from "./look.ts";

export const describeGroups: Run = (call) => {
  const waitMs = waitMsOf(call), [groupId] = call.words;
  if (call.has("--all") === (groupId !== "")) {
    throw call.misused(call.has("--all") ? "--all is every GROUP" : "needs GROUP, or --all");
  }
  return connected(call, async ({ cluster, out, bootstrap }) => {
    const ids = groupId === ""
      ? (await listGroups(cluster)).map(({ groupId }) => groupId)
      : [groupId];
    const before = await looks(cluster, ids);
    const areThere = ids.filter((id) => before.has(id));
    // On the other stream, so that what is printed can be processed; before the wait, so that nobody thinks it hangs.
    if (areThere.length > 0 && waitMs > 0) console.error(waitLine(waitMs));
    await cluster.pause(areThere.length === 0 ? 0 : waitMs);
    const now = waitMs === 0 ? before : await looks(cluster, areThere);
    if (groupId !== "" && !now.has(groupId)) {
      console.error(`runnel: ${absentLine(groupId, bootstrap)}`);
      return 1;
    }
    for (const [at, [id, group]] of [...now].entries()) {
      if (at > 0 && !out.isJson) out.line();
      // What stands still cannot be told from one look.
      const earlier = waitMs === 0 ? { ...group, partitions: [] } : before.get(id)!;
      print(out, { before: earlier, now: group, waitMs });
    }
    return 0;
  });
};

function print(
  out: Output,
  { before, now, waitMs }: {
    readonly before: GroupLook;
    readonly now: GroupLook;
    readonly waitMs: number;
  },
): void {
  if (out.isJson) {
    const partitions = now.partitions.map((one) => ({ ...one, lag: lagOf(one) }));
    out.json({ ...now.group, partitions, findings: findings(before, now, waitMs) });
  } else for (const line of report(before, now, waitMs)) out.line(line);
}

export function absentLine(groupId: string, bootstrap: string): string {
  return `There is no group ${printable(groupId)} at ${bootstrap}: \`runnel group list\``;
}

/** Auto-commit happens every 5 s in most clients. All of them are looked at once: they are to be seen at once, too. */
const DEFAULT_WAIT_MS = 6000;

/** Throws ConfigError. */
export function waitMsOf(call: Call): number {
  return call.secondsMs("--wait", 3600) ?? (call.has("--all") ? 0 : DEFAULT_WAIT_MS);
}

/** What describe says before it waits. */
export function waitLine(waitMs: number): string {
  return `Looking twice, ${waitMs / 1000} s apart (--wait), to tell what moves from what stands…`;
}

/** What is printed of two looks. */
export function report(before: GroupLook, now: GroupLook, apartMs: number): string[] {
  const { group, partitions } = now;
  const kind = [group.type, group.assignor].filter((word) => word !== "").join(", ");
  const epoch = group.epoch === null ? "" : `, epoch ${group.epoch}`;
  const found = findings(before, now, apartMs);
  return [
    `Group ${group.groupId}: ${group.state} (${kind})${epoch}, ${
      counted(group.members.length, "member")
    }`,
    ...section(
      "Members",
      group.members.map((member) => {
        const names = member.partitions.map(partitionName);
        return `  ${nameOf(member)}: ${names.length === 0 ? "no partitions" : names.join(", ")}`;
      }),
    ),
    ...section(
      "Partitions",
      partitions.length === 0 ? [] : table(
        ["PARTITION", "COMMITTED", "END", "LAG", "OWNER"],
        partitions.map((one) => [
          partitionName(one),
          `${one.committed ?? "-"}`,
          `${one.end ?? "-"}`,
          `${lagOf(one) ?? "-"}`,
          one.ownerId ?? "-",
        ]),
      ).map((line) => `  ${line}`),
    ),
    ...section(
      found.length === 0 ? "Nothing is stuck." : "What is wrong",
      found.map((line) => `  ${line}`),
      { evenEmpty: true },
    ),
  ];
}

function section(title: string, lines: string[], { evenEmpty = false } = {}): string[] {
  return lines.length === 0 && !evenEmpty ? [] : ["", title, ...lines];
}
