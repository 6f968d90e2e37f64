/** `runnel cluster`: brokers with what they lead and store, features with their levels, and versions of requests. */
import { Admin } from "../../client/admin.ts";
import { type BrokerFacts, clusterFacts, type LogDir } from "../../client/broker_facts.ts";
import type { Topic } from "../../client/cluster.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { counted } from "../counted.ts";
import type { Cell } from "../output.ts";

export const showCluster: Run = (call) =>
  connected(call, async ({ cluster, out }) => {
    const facts = await clusterFacts(cluster), { clusterId, controllerId, brokers } = facts;
    const topics = await new Admin(cluster).listTopics({ includeInternal: true });
    const partitions = topics.reduce((sum, topic) => sum + topic.partitions.length, 0);
    const bytes = sumOf(brokers.map(({ dirs }) => sumOfDirs(dirs, (dir) => dir.bytes)));
    const leads = ledBy(topics);
    if (out.isJson) {
      out.json({
        clusterId,
        controller: controllerId < 0 ? null : controllerId,
        topics: topics.length,
        partitions,
        withoutLeader: leads.get(-1) ?? 0,
        bytes,
        brokers: brokers.map(({ apis, ...broker }) => ({
          ...broker,
          leads: leads.get(broker.id) ?? 0,
          ...call.has("--apis") ? { apis } : {},
        })),
      });
      return 0;
    }
    const controller = controllerId < 0 ? "none known" : `broker ${controllerId}`;
    out.line(`Cluster ${clusterId}, controller ${controller}`);
    const orphans = leads.get(-1) ?? 0;
    out.line(
      `${counted(topics.length, "topic")}, ${counted(partitions, "partition")}` +
        (bytes === null ? "" : `, ${bytes} bytes`) +
        (orphans === 0 ? "" : `; without a leader: ${counted(orphans, "partition")}`),
    );
    out.line();
    out.table(
      ["broker", "address", "rack", "leads", "replicas", "bytes", "disk free", "disk size"],
      brokers.map(({ id, host, port, rack, dirs }) => [
        id,
        host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`,
        rack,
        leads.get(id) ?? 0,
        sumOfDirs(dirs, (dir) => BigInt(dir.replicas)),
        sumOfDirs(dirs, (dir) => dir.bytes),
        sumOfDirs(dirs, (dir) => dir.usableBytes),
        sumOfDirs(dirs, (dir) => dir.totalBytes),
      ]),
    );
    out.line();
    out.table(["feature", "level", "supported"], featureRows(brokers));
    if (call.has("--apis")) {
      out.line();
      out.table(["key", "request", "versions"], apiRows(brokers));
    }
    return 0;
  });

/** Partitions by their leader; -1: of none. */
function ledBy(topics: readonly Topic[]): Map<number, number> {
  const leads = new Map<number, number>();
  for (const { leaderId } of topics.flatMap(({ partitions }) => partitions)) {
    leads.set(leaderId, (leads.get(leaderId) ?? 0) + 1);
  }
  return leads;
}

/** Null where one of them is not known. */
function sumOf(numbers: readonly (bigint | null)[]): bigint | null {
  return numbers.reduce((sum, one) => sum === null || one === null ? null : sum + one, 0n);
}

function sumOfDirs(dirs: BrokerFacts["dirs"], of: (dir: LogDir) => bigint | null): bigint | null {
  return dirs === null ? null : sumOf(dirs.map(of));
}

function featureRows(brokers: readonly BrokerFacts[]): Cell[][] {
  const rows = new Map<string, { level: number | null; ranges: Ranges }>();
  for (const { id, features } of brokers) {
    for (const { name, level, min, max } of features) {
      const row = rows.get(name) ?? { level, ranges: new Map() };
      note(row.ranges, `${min}-${max}`, id);
      rows.set(name, row);
    }
  }
  return [...rows].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([name, { level, ranges }]) => [name, level, told(ranges, brokers.length)]);
}

function apiRows(brokers: readonly BrokerFacts[]): Cell[][] {
  const rows = new Map<number, { name: string | null; ranges: Ranges }>();
  for (const { id, apis } of brokers) {
    for (const { key, name, min, max } of apis) {
      const row = rows.get(key) ?? { name, ranges: new Map() };
      note(row.ranges, `${min}-${max}`, id);
      rows.set(key, row);
    }
  }
  return [...rows].sort(([a], [b]) => a - b)
    .map(([key, { name, ranges }]) => [key, name, told(ranges, brokers.length)]);
}

/** The brokers that have each range. */
type Ranges = Map<string, number[]>;

function note(ranges: Ranges, range: string, id: number): void {
  ranges.set(range, [...ranges.get(range) ?? [], id]);
}

/** "0-7", or where brokers differ "0-7 (broker 1, 2), 0-6 (broker 3)". */
function told(ranges: Ranges, brokers: number): string {
  const all = [...ranges];
  if (all.length === 1 && all[0][1].length === brokers) return all[0][0];
  return all.map(([range, ids]) => `${range} (broker ${ids.join(", ")})`).join(", ");
}
