/**
 * `runnel group watch`: how far behind a group is, again and again, and how fast it gets on. A terminal is drawn anew
 * each time; elsewhere each look is printed below the one before.
 */
import type { Cluster } from "../../client/cluster.ts";
import { ConnectionError, KafkaError, mayRetry } from "../../client/errors.ts";
import { counted } from "../counted.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { Interrupt } from "../interrupt.ts";
import type { Cell, Output } from "../output.ts";
import { absentLine } from "./describe.ts";
import { type GroupLook, lagOf, partitionName } from "./findings.ts";
import { look } from "./look.ts";

export const watchGroup: Run = (call) => {
  const everyMs = call.durationMs("--every") ?? 2000, [groupId] = call.words;
  if (everyMs < 100 || everyMs > 3_600_000) {
    throw call.misused(`--every ${call.text("--every")}: needs 100ms to 1h`);
  }
  const count = call.whole("--count", { min: 1 }) ?? Infinity;
  return connected(call, async ({ cluster, out, bootstrap }) => {
    using interrupt = new Interrupt();
    interrupt.called = () => cluster.close();
    let before: Timed | null = null;
    try {
      for (let round = 1; !interrupt.isAsked; round++) {
        const found = await lookedAt(cluster, groupId, { mayBeAway: before !== null });
        if (found === "away") {
          await cluster.pause(everyMs);
          round--; // nothing was seen
          continue;
        }
        if (found === null) {
          console.error(`runnel: ${absentLine(groupId, bootstrap)}`);
          return 1;
        }
        const now: Timed = { look: found, atMs: performance.now() };
        draw(out, now, before);
        before = now;
        if (round === count) break;
        await cluster.pause(everyMs);
      }
    } catch (error) {
      const isEnded = error instanceof ConnectionError || error instanceof KafkaError;
      if (!(isEnded && interrupt.isAsked)) throw error;
    }
    return 0;
  }, { endsUnread: true });
};

/** A broker that was there and is away for now is waited for: a watch goes on until somebody ends it. */
async function lookedAt(
  cluster: Cluster,
  groupId: string,
  { mayBeAway }: { readonly mayBeAway: boolean },
): Promise<GroupLook | null | "away"> {
  try {
    return await look(cluster, groupId);
  } catch (error) {
    if (mayBeAway && mayRetry(error) && !cluster.isClosed) return "away";
    throw error;
  }
}

interface Timed {
  readonly look: GroupLook;
  readonly atMs: number;
}

function draw(out: Output, now: Timed, before: Timed | null): void {
  const { group } = now.look, rows = rowsOf(now, before);
  const lag = rows.reduce((sum, row) => sum + (row.lag ?? 0), 0);
  const time = new Date().toISOString();
  if (out.isJson) {
    const { groupId, state, members: { length: members } } = group;
    out.json({ time, group: groupId, state, members, lag, partitions: rows });
    return;
  }
  const height = out.clear();
  out.line(
    `${time.slice(11, 19)}Z  Group ${group.groupId}: ${group.state}, ${
      counted(group.members.length, "member")
    }, ${lag} behind`,
  );
  // Those furthest behind, where not all fit: below the line above, the table's header and the line that says so.
  const fitting = height === null || rows.length <= height - 4
    ? rows.length
    : Math.max(1, height - 4);
  const shown = fitting === rows.length
    ? rows
    : rows.toSorted((a, b) => (b.lag ?? 0) - (a.lag ?? 0)).slice(0, fitting);
  out.table(
    ["partition", "committed", "end", "lag", "per second", "owner"],
    shown.map(({ partition, committed, end, lag, perSecond, owner }): Cell[] => [
      partition,
      committed,
      end,
      lag,
      perSecond,
      owner,
    ]),
  );
  if (fitting < rows.length) out.line(`and ${rows.length - fitting} that are no further behind`);
  else if (height === null) out.line();
}

interface Row {
  readonly partition: string;
  readonly committed: number | null;
  readonly end: number | null;
  readonly lag: number | null;
  /** Records that it got on by since the look before; null at the first. */
  readonly perSecond: number | null;
  readonly owner: string | null;
}

export function rowsOf(now: Timed, before: Timed | null): Row[] {
  const earlier = new Map(
    before?.look.partitions.map((one) => [partitionName(one), one.committed]),
  );
  const seconds = before === null ? 0 : (now.atMs - before.atMs) / 1000;
  return now.look.partitions.map((one) => {
    const partition = partitionName(one), { committed, end, ownerId: owner } = one;
    const then = earlier.get(partition) ?? null;
    const perSecond = then === null || committed === null || seconds <= 0
      ? null
      : Math.round((committed - then) / seconds);
    return { partition, committed, end, lag: lagOf(one), perSecond, owner };
  });
}
