/** Hot partitions: one of a topic that takes much more than its share of what is written now. */
import { bytesText, type Check, durationText, type Found } from "./finding.ts";
import type { Directory } from "./sizes.ts";

/** Clients stick to a partition for some batches: less than this tells nothing. */
const LEAST_BYTES = 1 << 20, LEAST_A_PARTITION = 128 << 10;
/** How many times its share, and of a topic with few partitions nearly all. */
const TIMES = 3, NEARLY_ALL = 0.9;

export const hotCheck: Check = {
  name: "hot partitions",
  look: async (scene) => {
    const { before, after, apartMs } = await scene.sizes;
    const internal = new Set(
      scene.survey.topics.filter((one) => one.isInternal).map(({ name }) => name),
    );
    const found: Found[] = [];
    for (const [topic, grown] of growthOf(before, after)) {
      if (internal.has(topic)) continue;
      const hot = hotIn(grown);
      if (hot === null) continue;
      const { partition, bytes, total } = hot;
      found.push({
        severity: "warning",
        what: `Partition ${partition} of ${topic} takes ${
          Math.round(100 * bytes / total)
        } % of what is written, of ${grown.size} partitions`,
        evidence: `${bytesText(bytes)} of ${bytesText(total)} in ${
          durationText(apartMs)
        }: many records have the same key, or their producer names the partition`,
        command: scene.runnel(
          ["consume", "--partition", `${partition}`, "--last", "20", "--json"],
          [topic],
        ),
      });
    }
    return found;
  },
};

/** The partition that takes too much; null where none does. */
export function hotIn(
  grown: ReadonlyMap<number, number>,
): { partition: number; bytes: number; total: number } | null {
  let total = 0, partition = -1, bytes = 0;
  for (const [index, more] of grown) {
    total += more;
    if (more > bytes) [partition, bytes] = [index, more];
  }
  const least = Math.max(LEAST_BYTES, LEAST_A_PARTITION * grown.size);
  if (grown.size < 2 || total < least) return null;
  return bytes / total >= Math.min(NEARLY_ALL, TIMES / grown.size)
    ? { partition, bytes, total }
    : null;
}

/** Bytes that each partition grew by, by topic; of replicas the one that grew the most. */
function growthOf(
  before: readonly Directory[],
  after: readonly Directory[],
): Map<string, Map<number, number>> {
  const growth = new Map<string, Map<number, number>>();
  for (const { brokerId, path, partitions } of after) {
    const earlier = before.find((one) => one.brokerId === brokerId && one.path === path)
      ?.partitions;
    for (const [key, bytes] of partitions) {
      const [topic, index] = key.split("\0"), partition = Number(index);
      const ofTopic = growth.get(topic) ?? new Map<number, number>();
      const more = Math.max(0, bytes - (earlier?.get(key) ?? 0)); // what was trimmed is no growth
      ofTopic.set(partition, Math.max(more, ofTopic.get(partition) ?? 0));
      growth.set(topic, ofTopic);
    }
  }
  return growth;
}
