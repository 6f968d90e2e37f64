/**
 * Names for completion: topics and groups of the cluster that the line names, within a third of a second, or none. What
 * could steer the terminal that they are shown on is left out, since it cannot be typed either, and what would be a flag.
 */
import { systemTimers } from "../../clock.ts";
import type { Cluster } from "../../client/cluster.ts";
import { Admin } from "../../client/admin.ts";
import { listGroups } from "../../client/groups.ts";
import { Call } from "../call.ts";
import { CONNECTION } from "../command.ts";
import { COMMANDS } from "../commands.ts";
import { configOf, reachedBy } from "../reach.ts";
import { UNPRINTABLE } from "../table.ts";
import { withCluster } from "../with_cluster.ts";

/** Since the process began; with its end and what the shell does it is to stay below half a second. */
const DEADLINE_MS = 400;
/** However late it is. */
const LEAST_MS = 50;

export async function namesOf(
  kind: "topic" | "group",
  before: readonly string[],
): Promise<readonly string[]> {
  let names: readonly string[] = [], cancel = () => {};
  const limitMs = Math.max(LEAST_MS, DEADLINE_MS - performance.now());
  const limit = new Promise<void>((resolve) => cancel = systemTimers.after(limitMs, resolve));
  const asked = ask(kind, before).then((found) => void (names = found), () => {});
  await Promise.race([asked, limit]);
  cancel();
  return names.filter((name) => /^[^-]/.test(name) && name.search(UNPRINTABLE) < 0);
}

async function ask(kind: "topic" | "group", before: readonly string[]): Promise<string[]> {
  const call = connectionCall(before), reached = reachedBy(call, await configOf(call.options));
  let names: string[] = [];
  await withCluster(reached, async (cluster) => {
    await cluster.anyConnection(); // once: where nobody answers there are none
    names = await list(cluster, kind);
    return 0;
  });
  return names;
}

async function list(cluster: Cluster, kind: "topic" | "group"): Promise<string[]> {
  if (kind === "group") return (await listGroups(cluster)).map(({ groupId }) => groupId);
  return (await new Admin(cluster).listTopics()).map(({ name }) => name);
}

/** What of the words says which broker; the rest may be half typed. */
function connectionCall(before: readonly string[]): Call {
  const flags = new Map<string, string[]>(), options: string[] = [];
  for (const [at, word] of before.entries()) {
    const [given] = word.split("="), sign = word.indexOf("=");
    // The source of copy is said by flags of its own.
    const own = given === "--from" ? "--bootstrap" : given.replace(/^--from-/, "--");
    const flag = CONNECTION.find(({ name, aliases = [] }) => [name, ...aliases].includes(own));
    const value = sign < 0 ? before[at + 1] : word.slice(sign + 1);
    if (value === undefined) continue;
    if (flag !== undefined) flags.set(flag.name, [value]);
    if (given === "--config") options.push(`--config=${value}`);
  }
  const [command] = COMMANDS;
  return new Call({ command, action: command.actions[0] }, { words: [], flags, options });
}
