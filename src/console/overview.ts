/** Overview: how the broker is, what it does, and what it did; and the stream of it. */
import type { History, LiveLine, Overview } from "./api.ts";
import { type Call, given, type Route } from "./route.ts";
import { lineOf } from "./streams.ts";
import { warningsOf } from "./warnings.ts";

export const overviewRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "session",
    summary: "Who asks, and what may be done",
    query: {},
    answers: "Session",
    handle: ({ session }) => session,
  },
  {
    method: "GET",
    path: "overview",
    summary: "How the broker is and what it does",
    query: {},
    answers: "Overview",
    isOfBroker: true,
    handle: overview,
  },
  {
    method: "GET",
    path: "history",
    summary: "What was: every 5 s of the last hour, or every minute of the last day",
    query: { range: { type: "string", enum: ["hour", "day"], doc: "hour if not given." } },
    answers: "History",
    isOfBroker: true,
    handle: (call): History =>
      call.house.sampler.history.of(given(call, "range", "hour") as History["range"]),
  },
  {
    method: "GET",
    path: "live",
    summary: "A stream of what is: samples, and warnings as they change",
    query: {},
    answers: "LiveLine, one a line (application/x-ndjson)",
    isOfBroker: true,
    handle: live,
  },
];

function overview({ house }: Call): Overview {
  const { metrics, sampler } = house, status = house.status();
  const topics = new Set<string>();
  let partitions = 0, groups = 0;
  for (const { topic } of metrics.partitions()) {
    topics.add(topic);
    partitions++;
  }
  for (const _ of metrics.groups()) groups++;
  return {
    now: sampler.now,
    topics: topics.size,
    partitions,
    groups,
    disk: sampler.disk(status.storage),
    apis: sampler.apis(),
    warnings: warningsOf(status).slice(0, MAX_WARNINGS),
    notReady: status.notReady,
  };
}

const MAX_WARNINGS = 50;

function live(call: Call): Response {
  const { house: { sampler, streams }, house, session } = call;
  let told = "";
  const stream = streams.open(call, () => unwatch());
  const send = (line: LiveLine) => stream.send(lineOf(line));
  const tellWarnings = () => {
    const warnings = warningsOf(house.status()).slice(0, MAX_WARNINGS);
    const text = JSON.stringify(warnings);
    if (text !== told) send({ type: "warnings", warnings });
    told = text;
  };
  const unwatch = sampler.watch((sample) => {
    send({ type: "sample", sample });
    tellWarnings();
  });
  send({ type: "hello", session, history: sampler.history.of("hour") });
  tellWarnings();
  return stream.response;
}
