/**
 * `runnel group list` and `runnel group describe G`: the groups of a running broker, and what keeps one from getting
 * on. Works with any Kafka; whom a classic group waits for and who is silent only Runnel tells.
 *
 * Describe looks twice, some seconds apart, for only so is standing still told from being slow.
 */
import { Cluster } from "../client/cluster.ts";
import { ConnectionError, KafkaError } from "../client/errors.ts";
import {
  committedOffsets,
  describeGroup,
  type GroupDescription,
  listGroups,
} from "../client/groups.ts";
import { listOffsets, type TopicPartition } from "../client/list_offsets.ts";
import { ConfigError } from "../config/load.ts";
import {
  actionOf,
  BOOTSTRAP_FLAGS,
  bootstrapOf,
  clientErrorLine,
  clientSecurityOf,
  commandArguments,
  configOf,
  misused,
} from "./arguments.ts";
import type { ClientSecurity } from "./client_config.ts";
import {
  findings,
  type GroupLook,
  lagOf,
  nameOf,
  type PartitionLook,
  partitionName,
} from "./group_findings.ts";
import { printable, table } from "./table.ts";

export async function runGroup(args: readonly string[]): Promise<number> {
  const { action, groupId, bootstrap, security, waitMs } = await parsed(args);
  const cluster = new Cluster({ bootstrap, ...security, callTimeoutMs: 10_000 });
  try {
    await cluster.anyConnection(); // once, so that a wrong address is told at once
    if (action === "list") return print(listed(await listGroups(cluster)));
    const before = await look(cluster, groupId);
    // On the other stream, so that what is printed can be processed; before the wait, so that nobody thinks it hangs.
    if (before !== null) console.error(waitLine(waitMs));
    await cluster.pause(before === null ? 0 : waitMs);
    const now = before === null ? null : await look(cluster, groupId);
    if (before !== null && now !== null) return print(report(before, now, waitMs));
    console.error(
      `runnel: There is no group ${printable(groupId)} at ${bootstrap}: \`runnel group list\``,
    );
    return 1;
  } catch (error) {
    if (!(error instanceof ConnectionError || error instanceof KafkaError)) throw error;
    console.error(`runnel: ${clientErrorLine(error)}`);
    return 1;
  } finally {
    cluster.close();
  }
}

function print(lines: readonly string[]): number {
  console.log(lines.map(printable).join("\n"));
  return 0;
}

/** What describe says before it waits. */
export function waitLine(waitMs: number): string {
  return `Looking twice, ${waitMs / 1000} s apart (--wait), to tell what moves from what stands…`;
}

interface Asked {
  readonly action: "list" | "describe";
  readonly groupId: string;
  readonly bootstrap: string;
  readonly security: ClientSecurity;
  readonly waitMs: number;
}

/** Auto-commit happens every 5 s in most clients. */
const DEFAULT_WAIT_S = "6";

export async function parsed(args: readonly string[]): Promise<Asked> {
  const { words, own, rest } = commandArguments("group", args, {
    ...BOOTSTRAP_FLAGS,
    "--wait": "seconds, 0 to 3600",
  });
  const [given, groupId = "", ...more] = words;
  const action = actionOf("group", given, ["list", "describe"]);
  if (action === "describe" && groupId === "") {
    throw misused("group", "describe needs GROUP, the name of one");
  }
  const surplus = action === "list" ? groupId : more[0] ?? "";
  if (surplus !== "") throw misused("group", `${action} does not take "${surplus}"`);
  const wait = own.get("--wait") ?? DEFAULT_WAIT_S, seconds = Number(wait);
  if (!/^[\d.]+$/.test(wait) || !(seconds >= 0 && seconds <= 3600)) {
    throw new ConfigError(`group: --wait ${wait || '""'}: needs seconds, 0 to 3600`);
  }
  const config = await configOf(rest);
  const bootstrap = bootstrapOf(own, config), security = clientSecurityOf(own, config);
  return { action, groupId, bootstrap, security, waitMs: seconds * 1000 };
}

function listed(groups: Awaited<ReturnType<typeof listGroups>>): string[] {
  return table(
    ["GROUP", "TYPE", "STATE", "PROTOCOL"],
    groups.map(({ groupId, type, state, protocolType }) => [groupId, type, state, protocolType]),
  );
}

/** What is printed of two looks. */
export function report(before: GroupLook, now: GroupLook, apartMs: number): string[] {
  const { group, partitions } = now;
  const kind = [group.type, group.assignor].filter((word) => word !== "").join(", ");
  const epoch = group.epoch === null ? "" : `, epoch ${group.epoch}`;
  const found = findings(before, now, apartMs);
  return [
    `Group ${group.groupId}: ${group.state} (${kind})${epoch}, ${group.members.length} members`,
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

/** A group as it is now; null when there is none of that name. */
export async function look(cluster: Cluster, groupId: string): Promise<GroupLook | null> {
  const group = await describeGroup(cluster, groupId);
  if (group === null) return null;
  const committed = new Map<string, number>();
  const wanted = new Map<string, TopicPartition>();
  for (const { offset, ...one } of await committedOffsets(cluster, groupId)) {
    committed.set(partitionName(one), Number(offset));
    wanted.set(partitionName(one), one);
  }
  const counts = new Map<string, number>();
  for (const { name, partitions } of await cluster.retry(() => cluster.topics())) {
    counts.set(name, partitions.length);
  }
  for (const topic of new Set(group.members.flatMap(({ topics }) => topics))) {
    for (let partition = 0; partition < (counts.get(topic) ?? 0); partition++) {
      wanted.set(partitionName({ topic, partition }), { topic, partition });
    }
  }
  const existing = [...wanted.values()].filter(({ topic, partition }) =>
    partition < (counts.get(topic) ?? 0)
  );
  const [starts, ends] = await Promise.all([
    bounds(cluster, existing, "earliest"),
    bounds(cluster, existing, "latest"),
  ]);
  const owners = ownersOf(group);
  const partitions = [...wanted].map(([name, one]): PartitionLook => ({
    ...one,
    committed: committed.get(name) ?? null,
    start: starts.get(name) ?? null,
    end: ends.get(name) ?? null,
    ownerId: owners.get(name) ?? null,
  }));
  partitions.sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1
  );
  return { group, partitions };
}

async function bounds(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  at: "earliest" | "latest",
): Promise<Map<string, number>> {
  const found = await listOffsets(cluster, partitions.map((one) => ({ ...one, at })));
  return new Map(found.map((one) => [partitionName(one), one.offset]));
}

function ownersOf(group: GroupDescription): Map<string, string> {
  const owners = new Map<string, string>();
  for (const { id, partitions } of group.members) {
    for (const one of partitions) owners.set(partitionName(one), id);
  }
  return owners;
}
