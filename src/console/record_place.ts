/** Places in a topic: where a browse begins, as `at` says it, and where it goes on. */
import type { Requests } from "../client/asking.ts";
import type { KafkaError } from "../client/errors.ts";
import { EARLIEST, LATEST, nameOfPlace, offsetsAt } from "./ask.ts";
import type { Positions } from "./browse.ts";
import { ApiFailure } from "./failure.ts";
import type { RecordsAnswer } from "./api.ts";

export interface Begin {
  readonly direction: "onwards" | "backwards";
  readonly positions: Map<number, number>;
  /** Where logs begin. */
  readonly starts: Map<number, number>;
  readonly ends: Map<number, number>;
  readonly problems: RecordsAnswer["problems"][number][];
}

/** Throws ApiFailure for an `at` that says nothing. */
export async function beginOf(
  requests: Requests,
  { topic, partitions, at, isCommitted }: {
    readonly topic: string;
    readonly partitions: readonly number[];
    readonly at: string;
    readonly isCommitted: boolean;
  },
): Promise<Begin> {
  const asked = await Promise.all([
    offsetsOf({ timestamp: EARLIEST }),
    offsetsOf({ timestamp: LATEST, isCommitted }),
  ]);
  const problems: Begin["problems"] = [], starts = new Map<number, number>();
  const ends = new Map<number, number>();
  for (const partition of partitions) {
    const [start, end] = asked.map((offsets) => offsets.get(nameOfPlace({ topic, partition }))!);
    const failed = [start, end].find((one): one is KafkaError => typeof one !== "number");
    if (failed !== undefined) {
      problems.push({ partition, offset: null, reason: failed.message });
      continue;
    }
    starts.set(partition, start as number);
    ends.set(partition, end as number);
  }
  const known = { starts, ends, problems };
  const onwards = (positionOf: (partition: number) => number): Begin => ({
    direction: "onwards",
    positions: positionsOf(positionOf),
    ...known,
  });
  const positionsOf = (positionOf: (partition: number) => number) =>
    new Map([...starts].map(([partition, start]) => [
      partition,
      Math.min(ends.get(partition)!, Math.max(start, positionOf(partition))),
    ]));
  if (at === "end") {
    return { direction: "backwards", positions: positionsOf((one) => ends.get(one)!), ...known };
  }
  if (at === "start") return onwards((partition) => starts.get(partition)!);
  const offset = /^offset:(\d{1,16})$/.exec(at)?.[1];
  if (offset !== undefined) return onwards(() => Number(offset));
  const time = /^time:(\d{1,16})$/.exec(at)?.[1];
  if (time !== undefined) {
    const offsets = await offsetsOf({
      timestamp: Math.min(Number(time), Number.MAX_SAFE_INTEGER),
    });
    return onwards((partition) => {
      const found = offsets.get(nameOfPlace({ topic, partition }));
      return typeof found === "number" && found >= 0 ? found : ends.get(partition)!;
    });
  }
  const cursor = readCursor(at);
  if (cursor === null) {
    const need = "end, start, offset:N, time:MS, or the `next` of an answer";
    throw new ApiFailure("bad_request", `at = ${at}: needs ${need}`, { field: "at" });
  }
  // What the cursor does not name has nothing more.
  for (const partition of starts.keys()) {
    if (!cursor.positions.has(partition)) starts.delete(partition);
  }
  const { direction } = cursor;
  return { direction, positions: positionsOf((one) => cursor.positions.get(one)!), ...known };

  function offsetsOf(wanted: { readonly timestamp: number; readonly isCommitted?: boolean }) {
    return offsetsAt(requests, partitions.map((partition) => ({ topic, partition })), wanted);
  }
}

/** "onwards:0@42,3@7"; null: nothing is left. */
export function cursorOf(direction: Begin["direction"], positions: Positions): string | null {
  if (positions.size === 0) return null;
  return `${direction}:${[...positions].map(([one, offset]) => `${one}@${offset}`).join(",")}`;
}

/** Null where it is none. */
function readCursor(
  text: string,
): { readonly direction: Begin["direction"]; readonly positions: Positions } | null {
  const match = /^(onwards|backwards):(\d{1,10}@\d{1,16}(?:,\d{1,10}@\d{1,16})*)$/.exec(text);
  if (match === null) return null;
  const positions = new Map(
    match[2].split(",").map((one) => one.split("@").map(Number) as [number, number]),
  );
  return { direction: match[1] as Begin["direction"], positions };
}
