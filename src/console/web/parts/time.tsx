/** Time: when something was, in the user's zone and with UTC beside, or how long ago. */
import { fromNow, writtenTime } from "../format/times.ts";

/** Both under each other, or one where the user's zone is UTC. `isShort` leaves UTC to the title, for a table's many. */
export function Time({ ms, isShort }: { ms: number | null; isShort?: boolean }) {
  if (ms === null) return <span class="muted">unknown</span>;
  const written = writtenTime(ms);
  if (written === null) return <span>{ms} ms</span>;
  const { local, utc, isUtc, machine } = written;
  if (isShort) {
    // A phone has no room for the day.
    const [day, clock] = (isUtc ? utc : local).split(" ");
    return (
      <time datetime={machine} title={isUtc ? undefined : `${utc} (UTC)`}>
        <span class="day">{`${day} `}</span>
        {clock}
      </time>
    );
  }
  if (isUtc) return <time datetime={machine}>{utc}</time>;
  return (
    <time datetime={machine}>
      {local} <small class="muted">{utc.slice(0, -1)} UTC</small>
    </time>
  );
}

/** "5 min ago", with the time itself beside it. */
export function Ago({ ms, nowMs }: { ms: number | null; nowMs: number }) {
  if (ms === null) return <span class="muted">unknown</span>;
  return (
    <>
      {fromNow(ms, nowMs)}{" "}
      <small class="muted">
        (<Time ms={ms} />)
      </small>
    </>
  );
}
