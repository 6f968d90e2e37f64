/** `runnel copy`: topics from one cluster to another, with configs and offsets of groups. */
import { RE2JS } from "re2js";
import { Admin } from "../../client/admin.ts";
import type { Cluster } from "../../client/cluster.ts";
import { ConnectionError, TransactionError } from "../../client/errors.ts";
import { nameOf } from "../../client/group/partitions_by_topic.ts";
import { listOffsets } from "../../client/list_offsets.ts";
import { ConfigError } from "../../config/load.ts";
import { type CompressionName, CompressionType } from "../../protocol/records/compression.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { Interrupt } from "../interrupt.ts";
import { firstAnswer } from "../first_answer.ts";
import { Output } from "../output.ts";
import { sideReachedBy } from "../reach.ts";
import { printable } from "../table.ts";
import { withCluster } from "../with_cluster.ts";
import { type CopiedGroups, copyGroups, type Known } from "./groups.ts";
import { Ledger, LEDGER_PREFIX, readLedger, TakenOverError } from "./ledger.ts";
import { MemoryShare } from "./memory_share.ts";
import { RefusedError } from "./opening.ts";
import type { CopyTools } from "./partition_copy.ts";
import { Preparation, type Prepared } from "./prepared.ts";
import { ProgressLine } from "./progress_line.ts";
import { failureLine, Rounds } from "./rounds.ts";
import { several } from "./several.ts";
import {
  finishTopic,
  type NamedTopic,
  recipeOf,
  selectedTopics,
  type Selection,
  type Tell,
  topicAt,
} from "./topics.ts";

export interface CopyOptions {
  readonly selection: Selection;
  /** null: none. */
  readonly groups: ((group: string) => boolean) | null;
  readonly isFollowing: boolean;
  readonly isAppending: boolean;
  readonly compression: CompressionType | null;
  readonly replicas: number | null;
  readonly name: string | null;
}

export const copy: Run = async (call) => {
  const options = optionsOf(call);
  const from = sideReachedBy(call, "--from"), to = sideReachedBy(call, "--to");
  const out = new Output({ isJson: call.has("--json") });
  return await withCluster(from, (source) =>
    withCluster(to, async (target) => {
      try {
        await mustAnswer(source, "source", "--from");
        await mustAnswer(target, "target", "--to");
        return await copied({ source, target, out, options, isDry: call.has("--dry-run") });
      } catch (error) {
        const isTold = error instanceof TakenOverError || error instanceof TransactionError ||
          error instanceof RefusedError;
        if (!isTold) throw error;
        console.error(`runnel: ${printable(error.message)}`);
        return 1;
      }
    }));
};

/** Resolves with the exit code. */
export async function copied({ source, target, out, options, isDry = false }: {
  readonly source: Cluster;
  readonly target: Cluster;
  readonly out: Output;
  readonly options: CopyOptions;
  readonly isDry?: boolean;
}): Promise<number> {
  const [{ clusterId }, there] = await Promise.all([
    new Admin(source).describeCluster(),
    new Admin(target).describeCluster(),
  ]);
  const topics = await selectedTopics(source, options.selection);
  if (topics.length === 0) throw new ConfigError("There is no such topic at the source");
  const own = topics.find((one) => one.source.name === one.target);
  if (clusterId === there.clusterId && own !== undefined) {
    throw new ConfigError(
      `${own.target} would be copied to itself: source and target are cluster ${clusterId}; --rename or --prefix gives it another name`,
    );
  }
  const name = options.name ?? clusterId;
  if (isDry) return await showPlan({ source, target, out, topics, name });
  using interrupt = new Interrupt();
  await using ledger = await Ledger.open(target, name);
  const tools: CopyTools = {
    source,
    target,
    ledger,
    memory: new MemoryShare(MEMORY_BYTES),
    isStopped: () => interrupt.isAsked,
  };
  let rounds: Rounds | null = null;
  using line = new ProgressLine(() =>
    rounds?.progress() ?? { done: 0, total: 1, records: 0, bytes: 0 }
  );
  const tell = (text: string) => line.tell(text);
  const { isAppending, replicas, compression } = options;
  const preparation = new Preparation({
    tools,
    kept: await ledger.read(),
    isAppending,
    replicas,
    compression,
    tell,
  });
  const tried = await several(topics, TOPICS_AT_A_TIME, async (named) => {
    if (interrupt.isAsked) return null;
    try {
      return await preparation.prepared(named);
    } catch (error) {
      const why = error instanceof Error ? failureLine(error) : null;
      if (why === null) throw error;
      tell(`${named.source.name} is not copied: ${why}`);
      return null;
    }
  });
  const prepared = tried.filter((one) => one !== null);
  rounds = new Rounds(tools, prepared, tell);
  const groups = await followed({ rounds, prepared, preparation, tools, options, tell });
  const isWhole = (topic: Prepared) => rounds!.isDone(topic);
  const isDone = prepared.length === topics.length && prepared.every(isWhole);
  await several(prepared, TOPICS_AT_A_TIME, async (one) => {
    const { recipe, named, failure } = one;
    if (recipe === null) return;
    try {
      await finishTopic(target, { name: named.target, id: one.targetId }, recipe);
    } catch (error) {
      if (failure === null) throw error; // else it may be what failed
    }
  });
  line[Symbol.dispose]();
  show(out, { prepared, groups, isWhole });
  for (const { group, why } of groups.refused) {
    console.error(`runnel: ${printable(`Group ${JSON.stringify(group)} is not copied: ${why}`)}`);
  }
  if (interrupt.isAsked && !(options.isFollowing && isDone)) {
    const { done, total } = rounds.progress();
    const share = total === 0 ? 100 : Math.floor(done / total * 100);
    console.error(`runnel: Stopped at ${share} %: the same command goes on from there`);
    return 1;
  }
  return isDone && groups.refused.length === 0 ? 0 : 1;
}

/** One round, or one after the other until somebody stops it; and the groups behind it. */
async function followed({ rounds, prepared, preparation, tools, options, tell }: {
  readonly rounds: Rounds;
  readonly prepared: readonly Prepared[];
  readonly preparation: Preparation;
  readonly tools: CopyTools;
  readonly options: CopyOptions;
  readonly tell: Tell;
}): Promise<CopiedGroups> {
  const { source, target, isStopped } = tools, { isFollowing } = options;
  const known: Known = new Map();
  let groups: CopiedGroups = { offsets: [], refused: [] }, groupsAtMs = -Infinity;
  for (;;) {
    await rounds.round();
    const isDue = performance.now() - groupsAtMs > GROUPS_EVERY_MS;
    const isLast = !isFollowing || isStopped();
    if (isLast || isDue) {
      await rounds.grow(isFollowing ? preparation : null);
      // Where something is missing, a group would be sent to its end, which is none.
      const partitions = prepared.filter((topic) => rounds.isDone(topic))
        .flatMap(({ partitions }) => partitions.map(({ opened }) => opened));
      try {
        const { groups: matches } = options;
        if (matches !== null) {
          groups = await copyGroups(source, target, { partitions, matches, known });
        }
      } catch (error) {
        if (isLast || !(error instanceof ConnectionError)) throw error;
        tell(`Offsets of groups are copied later: ${error.message}`);
      }
      groupsAtMs = performance.now();
    }
    if (isLast) return groups;
    await source.pause(FOLLOW_PAUSE_MS);
  }
}

function show(out: Output, { prepared, groups, isWhole }: {
  readonly prepared: readonly Prepared[];
  readonly groups: CopiedGroups;
  readonly isWhole: (topic: Prepared) => boolean;
}): void {
  const rows = prepared.map((topic) => {
    const { named, partitions, failure } = topic;
    const sum = (of: (one: typeof partitions[number]) => number) =>
      partitions.reduce((total, one) => total + of(one), 0);
    return [
      named.source.name,
      named.target,
      partitions.length,
      sum(({ records }) => records),
      sum(({ bytes }) => bytes),
      sum(({ lost }) => lost),
      failure !== null ? "failed" : isWhole(topic) ? "copied" : "stopped",
    ];
  });
  out.table(["topic", "target", "partitions", "records", "bytes", "lost", "state"], rows);
  if (groups.offsets.length === 0) return;
  if (!out.isJson) out.line();
  out.table(
    ["group", "topic", "partition", "source", "target", "state"],
    groups.offsets.map((one) => [
      one.group,
      one.topic,
      one.partition,
      one.source,
      one.target,
      one.state,
    ]),
  );
}

/** What there is to copy, and what of it is at the target. */
async function showPlan({ source, target, out, topics, name }: {
  readonly source: Cluster;
  readonly target: Cluster;
  readonly out: Output;
  readonly topics: readonly NamedTopic[];
  readonly name: string;
}): Promise<number> {
  const kept = await readLedger(target, `${LEDGER_PREFIX}${name}`);
  const rows = [];
  for (const named of topics) {
    const { name: topic, partitions } = named.source;
    const asked = partitions.map(({ index: partition }) => ({ topic, partition }));
    const starts = await listOffsets(source, asked.map((one) => ({ ...one, at: "earliest" })));
    const ends = await listOffsets(source, asked.map((one) => ({ ...one, at: "latest" })), {
      isolation: "readCommitted",
    });
    let offsets = 0;
    for (const [at, { partition }] of asked.entries()) {
      const points = kept.get(nameOf({ topic: named.target, partition }))?.progress.points;
      const from = points?.[points.length - 1].source ?? starts[at].offset;
      offsets += Math.max(0, ends[at].offset - from);
    }
    const there = await topicAt(target, named.target);
    const isKept = kept.has(nameOf({ topic: named.target, partition: 0 }));
    const { configs } = await recipeOf(source, topic);
    const state = there === null ? "to be made" : isKept ? "goes on" : "is there";
    const told = Object.entries(configs).map(([config, value]) => `${config}=${value}`).join(" ");
    rows.push([topic, named.target, partitions.length, offsets, state, told]);
  }
  out.table(["topic", "target", "partitions", "offsets", "state", "configs"], rows);
  return 0;
}

/** Once, so that a wrong address is told at once, with the flag that says it. */
async function mustAnswer(cluster: Cluster, side: string, flag: string): Promise<void> {
  try {
    await firstAnswer(cluster, `the ${side}`);
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    throw new RefusedError(
      `The ${side} does not answer: ${
        printable(error.message)
      }. Is a broker running there? ${flag} HOST:PORT says ` +
        `where it is, ${flag}-client-config FILE how it is spoken to, where it wants TLS or a log-in`,
    );
  }
}

function optionsOf(call: Call): CopyOptions {
  const pattern = call.text("--topics"), groups = call.text("--groups");
  if (pattern === null && call.words.length === 0) {
    throw call.misused("needs names of topics, or --topics");
  }
  if (groups !== null && call.has("--without-groups")) {
    throw call.misused("--groups and --without-groups exclude each other");
  }
  const renames = new Map<string, string>();
  for (const text of call.texts("--rename")) {
    const at = text.indexOf("=");
    if (at < 1 || at === text.length - 1) {
      throw call.misused(`--rename ${text || '""'}: needs SOURCE=TARGET`);
    }
    renames.set(text.slice(0, at), text.slice(at + 1));
  }
  const name = call.text("--name");
  if (name !== null && !/^[\w.-]{1,100}$/.test(name)) {
    throw call.misused(`--name ${name || '""'}: needs letters, digits, _, - and .`);
  }
  const compression = call.text("--compression") as CompressionName | null;
  return {
    selection: {
      names: call.words,
      matches: pattern === null ? null : matching(call, "--topics", pattern),
      renames,
      prefix: call.text("--prefix") ?? "",
    },
    groups: call.has("--without-groups")
      ? null
      : groups === null
      ? () => true
      : matching(call, "--groups", groups),
    isFollowing: call.has("--follow"),
    isAppending: call.has("--append"),
    compression: compression === null ? null : CompressionType[compression],
    replicas: call.whole("--replicas", { min: 1, max: 32_767 }),
    name,
  };
}

function matching(call: Call, flag: string, text: string): (name: string) => boolean {
  try {
    const pattern = RE2JS.compile(text);
    return (name) => pattern.matches(name);
  } catch (error) {
    throw call.misused(`${flag} ${text}: ${(error as Error).message}`);
  }
}

/** What all partitions may hold together, unless one batch is larger. */
const MEMORY_BYTES = 64 << 20;
const FOLLOW_PAUSE_MS = 200;
/** How often groups follow, and partitions are looked for. */
const GROUPS_EVERY_MS = 5000;
const TOPICS_AT_A_TIME = 8;
