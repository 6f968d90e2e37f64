/** Live: what the broker says of itself all along, for every view that shows it. */
import { effect, signal } from "@preact/signals";
import type { History, LiveLine, Sample, SampleSeries, Session, Warning } from "../../api.ts";
import { ask, askStream } from "../ask.ts";
import { basePathOf } from "../routes.ts";
import { type Locks, shareStream, type StreamState, type Told } from "./shared_stream.ts";

/** null until the broker has said it. */
export const session = signal<Session | null>(null);
/** Of the last hour, the newest last. */
export const history = signal<History | null>(null);
export const latest = signal<Sample | null>(null);
export const warnings = signal<readonly Warning[] | null>(null);
export const streamState = signal<StreamState>({ kind: "connecting" });

/** Five seconds apart they are an hour. */
const MAX_SAMPLES = 720;

export function beginLive(): void {
  const channel = new BroadcastChannel(`runnel-console${basePathOf(document.baseURI)}`);
  const locks = (navigator as { locks?: Locks }).locks ?? null;
  shareStream<LiveLine>(
    {
      locks,
      channel: {
        postMessage: (told) => channel.postMessage(told),
        get onmessage() {
          return null;
        },
        set onmessage(hear: ((event: { data: Told<LiveLine> }) => void) | null) {
          channel.onmessage = hear;
        },
      },
      open: (signal) => askStream<LiveLine>("live", {}, signal),
      nowMs: () => performance.now(),
      wait,
      seen: (signal) => visibility("visible", signal),
      unseen: () => {
        const gone = new AbortController();
        visibility("hidden", gone.signal).then(() => gone.abort());
        return gone.signal;
      },
    },
    { line: heard, state: stateHeard, soFar },
    new AbortController().signal,
  ).catch((error) => streamState.value = { kind: "lost", reason: String(error) });
}

/** Without the stream the session is asked for by itself: what may be done depends on it. */
function stateHeard(state: StreamState): void {
  streamState.value = state;
  if (state.kind !== "lost" || session.value !== null) return;
  ask<Session>("session").then((known) => session.value ??= known, () => {
    // The views say what is wrong, and the next try to have the stream asks again.
  });
}

function heard(line: LiveLine): void {
  switch (line.type) {
    case "hello":
      session.value = line.session;
      history.value = line.history;
      break;
    case "sample":
      latest.value = line.sample;
      if (history.value !== null) history.value = withSample(history.value, line.sample);
      break;
    case "warnings":
      warnings.value = line.warnings;
  }
}

function soFar(): LiveLine[] {
  const lines: LiveLine[] = [];
  if (session.value !== null && history.value !== null) {
    lines.push({ type: "hello", session: session.value, history: history.value });
  }
  if (latest.value !== null) lines.push({ type: "sample", sample: latest.value });
  if (warnings.value !== null) lines.push({ type: "warnings", warnings: warnings.value });
  return lines;
}

/** With one more, and no more than an hour has. One that is there already is not there twice. */
export function withSample(known: History, sample: Sample): History {
  if ((known.atMs.at(-1) ?? 0) >= sample.atMs) return known;
  const series: Record<string, readonly (number | null)[]> = {};
  for (const [name, values] of Object.entries(known.series)) {
    series[name] = [...values, sample[name as SampleSeries]].slice(-MAX_SAMPLES);
  }
  return {
    ...known,
    atMs: [...known.atMs, sample.atMs].slice(-MAX_SAMPLES),
    series: series as History["series"],
  };
}

/** Whether the tab is seen. */
export const isSeen = signal(true);

export function watchVisibility(): void {
  const look = () => isSeen.value = document.visibilityState === "visible";
  document.addEventListener("visibilitychange", look);
  look();
}

function visibility(wanted: DocumentVisibilityState, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = effect(() => {
      if (isSeen.value !== (wanted === "visible")) return;
      resolve();
      queueMicrotask(() => stop());
    });
    signal.addEventListener("abort", () => (stop(), resolve()), { once: true });
  });
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
