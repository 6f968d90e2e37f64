/** Partitions: those that do not serve and why, and those with too few copies. */
import { partitionEnds } from "../../client/partition_ends.ts";
import { ErrorCode, errorName } from "../../protocol/errors.ts";
import { counted } from "../counted.ts";
import { type Check, few, type Found } from "./finding.ts";
import type { Scene } from "./scene.ts";
import { partitionsOf } from "./survey.ts";

/** Those whose end is asked for. */
const MAX_ASKED = 5000;

export const partitionsCheck: Check = {
  name: "partitions",
  look: async (scene) => {
    const { survey: { topics, controllerId }, cluster } = scene, found: Found[] = [];
    if (controllerId < 0) {
      found.push({
        severity: "error",
        what: "The cluster has no controller: nothing can be created or changed",
        command: "journalctl -u runnel -n 50",
      });
    }
    const offline = new Map(reasons(scene));
    for (const { topic, partition } of partitionsOf(topics, ({ leaderId }) => leaderId < 0)) {
      const name = `${topic}-${partition}`;
      if (!offline.has(name)) offline.set(name, { topic, why: "it has no leader" });
    }
    const all = partitionsOf(topics, ({ leaderId }) => leaderId >= 0),
      asked = all.slice(0, MAX_ASKED);
    await cluster.topics(); // all leaders at once
    for (const { topic, partition, error } of await partitionEnds(cluster, asked)) {
      const name = `${topic}-${partition}`;
      // Whom ACLs keep from it has nothing to say about it.
      if (error === null || error.code === ErrorCode.TOPIC_AUTHORIZATION_FAILED) continue;
      if (!offline.has(name)) offline.set(name, { topic, why: errorName(error.code) });
    }
    found.push(...offlineFindings(offline, scene), ...copies(scene));
    if (all.length > asked.length) {
      const more = counted(all.length - asked.length, "more partition");
      found.push({ severity: "unseen", what: `whether ${more} serve` });
    }
    return found;
  },
};

interface Offline {
  readonly topic: string;
  readonly why: string;
}

/** What a Runnel says of its own. */
function reasons({ parts: { http } }: Scene): [string, Offline][] {
  if (typeof http === "string") return [];
  return http.status.offline.map(({ topic, partition, reason }) => [
    `${topic}-${partition}`,
    { topic, why: reason },
  ]);
}

/** One a reason. */
function offlineFindings(offline: ReadonlyMap<string, Offline>, scene: Scene): Found[] {
  const byReason = new Map<string, string[]>();
  for (const [name, { why }] of offline) byReason.set(why, [...byReason.get(why) ?? [], name]);
  const isRunnel = typeof scene.parts.http !== "string";
  return [...byReason].map(([why, names]) => ({
    severity: "error",
    what: names.length === 1
      ? `The partition ${names[0]} is offline`
      : `${names.length} partitions are offline: ${few(names)}`,
    evidence: why,
    command: isRunnel
      ? "runnel storage verify  # of the stopped broker, then runnel storage repair or a backup"
      : scene.runnel(["topic", "describe"], [offline.get(names[0])!.topic]),
  }));
}

/** Of those that serve. */
function copies(scene: Scene): Found[] {
  const { topics } = scene.survey;
  const lacking = partitionsOf(
    topics,
    ({ leaderId, isr, replicas }) => leaderId >= 0 && isr.length < replicas.length,
  );
  if (lacking.length === 0) return [];
  const names = lacking.map(({ topic, partition }) => `${topic}-${partition}`);
  return [{
    severity: "warning",
    what: `${counted(lacking.length, "partition")} ${
      lacking.length === 1 ? "has" : "have"
    } fewer copies in sync than replicas`,
    evidence: few(names),
    command: scene.runnel(["topic", "describe"], [lacking[0].topic]),
  }];
}
