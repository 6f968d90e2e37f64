/**
 * Systemd: tells systemd when the broker serves, that it still does, and that it stops (sd_notify(3), Type=notify).
 *
 *     starting ──▶ READY=1 ──▶ WATCHDOG=1, in half the time the unit allows ──▶ STOPPING=1
 *
 * While it starts or stops, systemd is asked for more time, so that a long recovery is not taken for a start that hangs;
 * not for ever. A watchdog's message is sent by the event loop that serves: where that stands still, systemd hears nothing.
 * What cannot be told (no such socket, a runtime without datagrams) is a warning, and the broker goes on.
 */
import type { Timers } from "../clock.ts";

/** What systemd says of itself, by the environment. */
export interface ServiceEnvironment {
  /** Its socket's path; "@" begins an abstract one. */
  readonly path: string;
  /** How long it waits for a message before it ends the process; null: it does not. */
  readonly watchdogMs: number | null;
  /** Where a socket of our own may be made. */
  readonly folder: string;
}

/** Sends one message. Rejects where it cannot be sent. */
export interface Datagrams {
  send(text: string): Promise<unknown>;
  close(): void;
}

export interface SystemdOptions {
  readonly datagrams: Datagrams;
  readonly watchdogMs: number | null;
  readonly timers: Timers;
  /** Told once, of the first message that could not be sent. */
  readonly onFailure: (reason: string) => void;
}

/** More time is asked for so often, and so much each time. */
const EXTEND_EVERY_MS = 5000;
const EXTEND_BY_US = 20_000_000;
/** What takes longer is left to systemd's judgement. */
const MAX_EXTENSION_MS = 3600_000;

export class Systemd {
  readonly #options: SystemdOptions;
  #cancel = () => {};
  #hasFailed = false;
  #isClosed = false;

  constructor(options: SystemdOptions) {
    this.#options = options;
  }

  starting(): void {
    this.#extend("STATUS=Starting: reading what is there");
  }

  /** The broker serves; `status` is shown by `systemctl status`. */
  ready(status: string): void {
    this.#cancel();
    this.#tell(`READY=1\nSTATUS=${status.replaceAll(/\s+/g, " ")}`);
    const { watchdogMs } = this.#options;
    if (watchdogMs !== null) this.#every(watchdogMs / 2, () => this.#tell("WATCHDOG=1"));
  }

  stopping(): void {
    this.#cancel();
    this.#extend("STOPPING=1\nSTATUS=Stopping: closing logs");
  }

  close(): void {
    this.#cancel();
    this.#isClosed = true;
    this.#options.datagrams.close();
  }

  #extend(first: string): void {
    const { watchdogMs } = this.#options, more = `EXTEND_TIMEOUT_USEC=${EXTEND_BY_US}\nWATCHDOG=1`;
    const everyMs = Math.min(EXTEND_EVERY_MS, (watchdogMs ?? Infinity) / 2);
    let leftMs = MAX_EXTENSION_MS;
    this.#tell(`${first}\n${more}`);
    this.#every(everyMs, () => {
      leftMs -= everyMs;
      if (leftMs > 0) this.#tell(more);
    });
  }

  #every(ms: number, work: () => void): void {
    this.#cancel = this.#options.timers.after(ms, () => {
      this.#every(ms, work);
      work();
    });
  }

  #tell(text: string): void {
    this.#options.datagrams.send(text).catch((error) => {
      if (this.#hasFailed || this.#isClosed) return;
      this.#hasFailed = true;
      this.#options.onFailure(error instanceof Error ? error.message : String(error));
    });
  }
}

/** Null where no systemd asks to be told. */
export function serviceEnvironment(
  variable: (name: string) => string | undefined,
  pid: number,
): ServiceEnvironment | null {
  const path = variable("NOTIFY_SOCKET");
  if (path === undefined || path === "") return null;
  const watchdogUs = Number(variable("WATCHDOG_USEC") ?? NaN), of = variable("WATCHDOG_PID");
  const isWatched = watchdogUs > 0 && (of === undefined || of === String(pid));
  return {
    path,
    watchdogMs: isWatched ? watchdogUs / 1000 : null,
    folder: variable("RUNTIME_DIRECTORY")?.split(":")[0] ?? variable("TMPDIR") ?? "/tmp",
  };
}
