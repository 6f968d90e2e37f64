/** Disk: directories that cannot be used, how much is free, and for how long that will do. */
import { errorName } from "../../protocol/errors.ts";
import { bytesText, type Check, durationText, type Found } from "./finding.ts";
import { IS_OF_DISK } from "./health.ts";
import type { Scene } from "./scene.ts";
import type { Directory } from "./sizes.ts";

const MIB = 2 ** 20, HOUR_MS = 3_600_000;
/** Less is little on any disk, more is none on a large one. */
const LITTLE = { leastBytes: 512 * MIB, mostBytes: 10 * 1024 * MIB, share: 0.05 };

export const diskCheck: Check = {
  name: "disk",
  look: async (scene) => {
    const full = saidToBeFull(scene);
    if (full.length > 0) return full;
    const { before, after, apartMs } = await scene.sizes;
    return after.flatMap((directory) => {
      const { brokerId, path } = directory;
      const earlier = before.find((one) => one.brokerId === brokerId && one.path === path);
      return lookAt(directory, earlier ?? directory, { apartMs, scene });
    });
  },
};

/** Where a Runnel refuses producers for it. */
function saidToBeFull({ parts: { http } }: Scene): Found[] {
  if (typeof http === "string") return [];
  const { warnings, storage: { path } } = http.status;
  return warnings.filter((one) => IS_OF_DISK.test(one)).map((evidence) => ({
    severity: "error",
    what: `The disk of ${path} is full`,
    evidence,
    command: "runnel topic list  # and runnel topic trim TOPIC --older-than 7d",
  }));
}

function lookAt(
  { brokerId, path, errorCode, usableBytes, totalBytes, partitions }: Directory,
  earlier: Directory,
  { apartMs, scene }: { readonly apartMs: number; readonly scene: Scene },
): Found[] {
  const where = `${path} of broker ${brokerId}`, command = scene.runnel(["topic", "list"]);
  if (errorCode !== 0) {
    return [{
      severity: "error",
      what: `The directory ${where} cannot be used`,
      evidence: errorName(errorCode),
      command: "dmesg | tail  # for faults of the disk",
    }];
  }
  if (usableBytes === null) return [];
  const free = totalBytes === null
    ? `${bytesText(usableBytes)} are free`
    : `${bytesText(usableBytes)} of ${bytesText(totalBytes)} are free`;
  const { leastBytes, mostBytes, share } = LITTLE;
  const little = Math.max(leastBytes, Math.min(mostBytes, share * (totalBytes ?? 0)));
  if (usableBytes < little) {
    return [{
      severity: usableBytes < leastBytes / 8 ? "error" : "warning",
      what: `The disk of ${where} is nearly full`,
      evidence: free,
      command,
    }];
  }
  const grownBytes = sum(partitions) - sum(earlier.partitions);
  const leftMs = grownBytes <= 0 ? Infinity : usableBytes / grownBytes * apartMs;
  if (leftMs > 24 * HOUR_MS) return [];
  return [{
    severity: leftMs < HOUR_MS ? "warning" : "note",
    what: `The disk of ${where} is full in ${durationText(leftMs)}, at the pace of the last ${
      durationText(apartMs)
    }`,
    evidence: `${free}, ${bytesText(Math.round(grownBytes / apartMs * 1000))} come a second`,
    command,
  }];
}

function sum(partitions: ReadonlyMap<string, number>): number {
  let bytes = 0;
  for (const one of partitions.values()) bytes += one;
  return bytes;
}
