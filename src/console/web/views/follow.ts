/**
 * Follow: records as they come. A tab that is not seen holds no connection, and goes on where it was when it is seen
 * again; only so many tabs of a browser follow at a time, which has six connections to a host for everything.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type { FollowLine, RecordRow } from "../../api.ts";
import { askStream, type Query } from "../ask.ts";
import { isSeen } from "../live/live.ts";

export interface Followed {
  /** The newest first, no more than MAX_ROWS. */
  readonly records: readonly RecordRow[];
  /** How many came in all. */
  readonly count: number;
  /** How many lines were left out, since they came faster than they were read. */
  readonly dropped: number;
  /** How it stands, in words. */
  readonly state: string;
}

const MAX_ROWS = 200;
const MAX_TABS = 3;
/** What comes within it is shown at once. */
const SHOWN_EVERY_MS = 250;
const NONE: Followed = { records: [], count: 0, dropped: 0, state: "" };

/** While `isOn`. */
export function useFollow(topic: string, query: Query, isOn: boolean): Followed {
  const [followed, set] = useState(NONE), isVisible = isSeen.value;
  const next = useRef<string | null>(null), key = JSON.stringify([topic, query]);
  useEffect(() => {
    set(NONE);
    next.current = null;
  }, [key, isOn]);
  useEffect(() => {
    if (!isOn || !isVisible) return;
    const stop = new AbortController();
    let waiting: RecordRow[] = [], dropped = 0, at = next.current ?? "end";
    const say = (state: string) => set((last) => last.state === state ? last : { ...last, state });
    const show = () => {
      if (waiting.length === 0 && dropped === 0) return;
      const come = waiting.toReversed(), left = dropped;
      waiting = [];
      dropped = 0;
      set((last) => ({
        ...last,
        records: [...come, ...last.records].slice(0, MAX_ROWS),
        count: last.count + come.length,
        dropped: last.dropped + left,
      }));
    };
    const timer = setInterval(show, SHOWN_EVERY_MS);
    const heard = (line: FollowLine) => {
      if (line.type === "record") waiting.push(line.record);
      else if (line.type === "scanned") at = line.next;
      else if (line.type === "dropped") dropped += line.lines;
      // A tab that shows less than comes keeps what it can show.
      if (waiting.length > MAX_ROWS) dropped += waiting.splice(0, waiting.length - MAX_ROWS).length;
    };
    const read = async () => {
      say("Waiting for records");
      for await (const line of askStream<FollowLine>(path(topic), { ...query, at }, stop.signal)) {
        if (line.type === "end") return say(`Ended: ${line.reason}`);
        heard(line);
        say("Following");
      }
      say("Ended");
    };
    inSlot(read, stop.signal, () => say("Other tabs follow already: end one of them"))
      .catch((error) => stop.signal.aborted || say(error.message));
    return () => {
      stop.abort();
      clearInterval(timer);
      show();
      next.current = at;
    };
  }, [key, isOn, isVisible]);
  return followed;
}

function path(topic: string): string {
  return `topics/${encodeURIComponent(topic)}/records/follow`;
}

/** Where there are no locks, tabs that are seen are few. */
async function inSlot(
  read: () => Promise<void>,
  signal: AbortSignal,
  full: () => void,
): Promise<void> {
  const { locks } = navigator as { locks?: LockManager };
  if (locks === undefined) return await read();
  for (let slot = 0; slot < MAX_TABS && !signal.aborted; slot++) {
    const isMine = await locks.request(
      `runnel-console-follow-${slot}`,
      { ifAvailable: true },
      async (lock) => {
        if (lock !== null) await read();
        return lock !== null;
      },
    );
    if (isMine) return;
  }
  full();
}
