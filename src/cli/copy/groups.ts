/** Groups of a copy: what they have committed at the source, committed at the target for the same records. */
import { BatchReader } from "../../client/batch_reader.ts";
import type { Cluster } from "../../client/cluster.ts";
import { KafkaError } from "../../client/errors.ts";
import { nameOf } from "../../client/group/partitions_by_topic.ts";
import { describeGroup, listGroups } from "../../client/groups.ts";
import { type StoredOffset, storedOffsets, storeOffsets } from "../../client/stored_offsets.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { LEDGER_PREFIX } from "./ledger.ts";
import type { OpenedPartition } from "./partition_copy.ts";
import { several } from "./several.ts";
import { type Translated, translated } from "./translation.ts";

export interface CopiedOffset {
  readonly group: string;
  /** Of the target. */
  readonly topic: string;
  readonly partition: number;
  /** What the group has committed at the source, and what this became. */
  readonly source: bigint;
  readonly target: bigint;
  /** set; ahead: it is further on there, and was left so; earlier: the record itself was not found, so one before it. */
  readonly state: "set" | "same" | "ahead" | "earlier";
}

export interface CopiedGroups {
  readonly offsets: readonly CopiedOffset[];
  /** Those that were not copied, and why. */
  readonly refused: readonly { readonly group: string; readonly why: string }[];
}

/** What was looked up already, so that who follows looks up what is new. */
export type Known = Map<string, Translated>;

/** Of every group whose name matches and that has committed something in these partitions. */
export async function copyGroups(
  source: Cluster,
  target: Cluster,
  { partitions, matches, known }: {
    readonly partitions: readonly OpenedPartition[];
    readonly matches: (group: string) => boolean;
    readonly known: Known;
  },
): Promise<CopiedGroups> {
  using from = new BatchReader(source);
  using to = new BatchReader(target);
  if (known.size > MAX_KNOWN) known.clear();
  const look = async (opened: OpenedPartition, offset: number) => {
    const name = `${nameOf(opened.to)} ${offset}`, before = known.get(name);
    if (before !== undefined) return before;
    const found = await translated({ source: from, target: to }, opened, offset);
    // What is behind the last point now will be elsewhere when more is copied.
    if (offset <= opened.map.last.source) known.set(name, found);
    return found;
  };
  const bySource = new Map(partitions.map((one) => [nameOf(one.from), one]));
  const refused: { group: string; why: string }[] = [];
  const groups = (await listGroups(source)).filter(({ groupId, type }) =>
    matches(groupId) && !groupId.startsWith(LEDGER_PREFIX) && HAS_OFFSETS.has(type)
  );
  const copied = await several(groups, AT_A_TIME, async ({ groupId }) => {
    try {
      const stored = await storedOffsets(source, groupId); // may be refused though it is listed
      const ours = stored.filter((one) => bySource.has(nameOf(one)));
      if (ours.length === 0) return [];
      const why = await refusalOf(target, groupId);
      if (why === null) return await copyGroup(target, { groupId, ours, bySource, look });
      refused.push({ group: groupId, why });
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      const hasMembers = error.code === ErrorCode.UNKNOWN_MEMBER_ID;
      refused.push({ group: groupId, why: hasMembers ? ACTIVE : error.message });
    }
    return [];
  });
  return { offsets: copied.flat(), refused };
}

async function copyGroup(
  target: Cluster,
  { groupId, ours, bySource, look }: {
    readonly groupId: string;
    readonly ours: readonly StoredOffset[];
    readonly bySource: ReadonlyMap<string, OpenedPartition>;
    readonly look: (opened: OpenedPartition, offset: number) => Promise<Translated>;
  },
): Promise<CopiedOffset[]> {
  const theirs = new Map(
    (await storedOffsets(target, groupId)).map((one) => [nameOf(one), one.offset]),
  );
  const copied: CopiedOffset[] = [], wanted: StoredOffset[] = [];
  for (const one of ours) {
    const opened = bySource.get(nameOf(one))!, { topic, partition } = opened.to;
    const { offset, isExact } = await look(opened, Number(one.offset));
    const becomes = BigInt(offset), has = theirs.get(nameOf(opened.to)) ?? -1n;
    const state = has > becomes ? "ahead" : has === becomes ? "same" : isExact ? "set" : "earlier";
    copied.push({ group: groupId, topic, partition, source: one.offset, target: becomes, state });
    if (has < becomes) wanted.push({ topic, partition, offset: becomes, metadata: one.metadata });
  }
  if (wanted.length > 0) await storeOffsets(target, groupId, wanted);
  return copied;
}

async function refusalOf(target: Cluster, groupId: string): Promise<string | null> {
  const group = await describeGroup(target, groupId);
  return group !== null && group.members.length > 0 ? ACTIVE : null;
}

const ACTIVE = "it has members at the target, who would commit over it: stop them, and copy again";
/** As ListGroups names them; share groups have no offsets of this kind. Before Kafka 3.8 no type is named. */
const HAS_OFFSETS: ReadonlySet<string> = new Set(["classic", "consumer", "streams", ""]);
const AT_A_TIME = 8;
const MAX_KNOWN = 100_000;
