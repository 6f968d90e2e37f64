/** Overview: how the broker does, now and over the last hour or day. */
import { useState } from "preact/hooks";
import type { ApiTraffic, DiskForecast, History, Overview as Facts, Sample } from "../../api.ts";
import {
  bytes,
  bytesPerSecond,
  counted,
  duration,
  exact,
  latency,
  perSecond,
  short,
} from "../format/numbers.ts";
import { history, latest, session } from "../live/live.ts";
import { useAnswer } from "../parts/answer.ts";
import { Empty, Failure, Note } from "../parts/notice.tsx";
import { Plot } from "../parts/plot.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { visible } from "../text/visible.ts";
import { WarningTable } from "./warnings.tsx";

const AGAIN_MS = 5000, DAY_AGAIN_MS = 60_000;

type Range = "hour" | "day";

export function Overview() {
  const { value, error, reload } = useAnswer<Facts>("overview", {}, AGAIN_MS);
  const [range, setRange] = useState<Range>("hour");
  const sample = latest.value ?? value?.now ?? null, known = session.value;
  const nowMs = sample?.atMs ?? known?.nowMs ?? Date.now();
  return (
    <>
      <div class="head">
        <h1>Overview</h1>
        <span class="muted small">
          {known === null
            ? "\u00a0"
            : `Node ${known.nodeId} of ${visible(known.clusterId)}, up for ${
              duration(Math.max(0, nowMs - known.startedMs))
            }`}
        </span>
      </div>
      <Failure error={error} retry={reload} />
      {value?.notReady && <Note tone="bad">Not ready: {visible(value.notReady)}</Note>}
      <Figures sample={sample} facts={value} />
      <Disk disk={value?.disk} nowMs={nowMs} />
      <section class="stack" aria-labelledby="over-time">
        <div class="head">
          <h2 id="over-time">Over time</h2>
          <Ranges range={range} onRange={setRange} />
        </div>
        {range === "hour" ? <Plots known={history.value} /> : <Day />}
      </section>
      <section class="stack">
        <h2>Requests of the last minute</h2>
        {value !== null && value.apis.length === 0 && <Empty>Nobody has asked for anything.</Empty>}
        {value !== null && value.apis.length > 0 && (
          <Table
            label="Requests of the last minute"
            columns={APIS}
            rows={value.apis}
            keyOf={(row) => row.api}
          />
        )}
      </section>
      {value !== null && value.warnings.length > 0 && (
        <section class="stack">
          <h2>Warnings</h2>
          <WarningTable warnings={value.warnings} />
        </section>
      )}
    </>
  );
}

function Figures({ sample, facts }: { sample: Sample | null; facts: Facts | null }) {
  const figures: readonly (readonly [string, string | null, string | null])[] = [
    [
      "In",
      of(sample?.bytesIn, bytesPerSecond),
      of(sample?.recordsIn, (rate) => `${short(rate)} records/s`),
    ],
    [
      "Out",
      of(sample?.bytesOut, bytesPerSecond),
      of(sample?.recordsOut, (rate) => `${short(rate)} records/s`),
    ],
    [
      "Requests",
      of(sample?.requests, perSecond),
      of(sample?.errors, (rate) => `${short(rate)} errors/s`),
    ],
    [
      "99 % within",
      of(sample?.p99Ms, latency),
      of(sample?.p50Ms, (ms) => `half within ${latency(ms)}`),
    ],
    [
      "Connections",
      of(sample?.connections, exact),
      of(facts?.groups, (count) => counted(count, "group")),
    ],
    [
      "Records kept",
      of(sample?.logBytes, bytes),
      of(facts?.topics, (count) => counted(count, "topic")),
    ],
  ];
  return (
    <dl class="figures">
      {figures.map(([name, figure, under]) => (
        <div class="card figure" key={name}>
          <dt>{name}</dt>
          <dd>
            <Figure text={figure ?? "\u2013"} />
          </dd>
          <dd class="under">{under}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A number, and smaller its unit. */
function Figure({ text }: { text: string }) {
  const [, number, unit] = /^([\d.,-]+)(.*)$/.exec(text) ?? [text, text, ""];
  return (
    <>
      {number}
      {unit !== "" && <span class="unit">{unit}</span>}
    </>
  );
}

function of<T>(value: T | null | undefined, write: (value: T) => string): string | null {
  return value === null || value === undefined ? null : write(value);
}

/** What the disk will come to at this rate. Its place is there before anything is known. */
function Disk({ disk, nowMs }: { disk: DiskForecast | undefined; nowMs: number }) {
  if (disk === undefined || disk.freeBytes === null) {
    return (
      <p class="disk muted">
        {disk !== undefined && "How much is free on its disk nobody can tell."}
      </p>
    );
  }
  const { path, freeBytes, minFreeBytes, freeBytesPerSecond: change, overMs, fullAtMs } = disk;
  const isSoon = fullAtMs !== null && fullAtMs - nowMs < WEEK_MS;
  const rate = change === null
    ? ""
    : Math.abs(change) < 1
    ? `, as ${duration(overMs)} ago`
    : `, ${bytesPerSecond(Math.abs(change))} ${change < 0 ? "less" : "more"} over ${
      duration(overMs)
    }`;
  return (
    <div class={`disk note ${isSoon ? "warn" : ""}`}>
      {fullAtMs !== null && (
        <strong>
          Full in {duration(Math.max(0, fullAtMs - nowMs))}{" "}
          at this rate (<Time ms={fullAtMs} />).{" "}
        </strong>
      )}
      {bytes(freeBytes)} free at <span class="mono">{visible(path)}</span>
      {rate}. Below {bytes(minFreeBytes)} producers are refused.
    </div>
  );
}

const WEEK_MS = 7 * 86_400_000;

function Ranges({ range, onRange }: { range: Range; onRange: (range: Range) => void }) {
  return (
    <div class="segments" role="group" aria-label="How far back">
      {(["hour", "day"] as const).map((one) => (
        <button
          key={one}
          type="button"
          aria-pressed={range === one}
          onClick={() => onRange(one)}
        >
          {one === "hour" ? "Hour" : "Day"}
        </button>
      ))}
    </div>
  );
}

function Day() {
  const { value, error, reload } = useAnswer<History>("history", { range: "day" }, DAY_AGAIN_MS);
  return (
    <>
      <Failure error={error} retry={reload} />
      <Plots known={value} />
    </>
  );
}

function Plots({ known }: { known: History | null }) {
  const atMs = known?.atMs ?? NONE, series = known?.series;
  const line = (label: string, name: keyof History["series"]) => ({
    label,
    values: series?.[name] ?? NONE,
  });
  return (
    <div class="plots">
      <Plot
        title="Throughput"
        atMs={atMs}
        steps="bytes"
        write={bytesPerSecond}
        lines={[line("in", "bytesIn"), line("out", "bytesOut")]}
      />
      <Plot
        title="Records"
        atMs={atMs}
        write={perSecond}
        lines={[line("in", "recordsIn"), line("out", "recordsOut")]}
      />
      <Plot
        title="Requests"
        atMs={atMs}
        write={perSecond}
        lines={[line("all", "requests"), line("errors", "errors")]}
      />
      <Plot
        title="Latency"
        atMs={atMs}
        write={latency}
        lines={[line("p50", "p50Ms"), line("p99", "p99Ms"), line("p99 of Produce", "produceP99Ms")]}
      />
      <Plot
        title="Connections"
        atMs={atMs}
        steps="whole"
        write={short}
        lines={[line("open", "connections")]}
      />
      <Plot
        title="Memory"
        atMs={atMs}
        steps="bytes"
        write={bytes}
        lines={[line("resident", "residentBytes"), line("heap in use", "heapUsedBytes")]}
      />
    </div>
  );
}

const NONE: readonly never[] = [];

const APIS: readonly Column<ApiTraffic>[] = [
  { name: "api", title: "API", cell: ({ api }) => visible(api) },
  {
    name: "requests",
    title: "Requests",
    isNumber: true,
    cell: ({ requests }) => perSecond(requests),
  },
  {
    name: "bytesIn",
    title: "In",
    isNumber: true,
    isWide: true,
    cell: (row) => bytesPerSecond(row.bytesIn),
  },
  {
    name: "bytesOut",
    title: "Out",
    isNumber: true,
    isWide: true,
    cell: (row) => bytesPerSecond(row.bytesOut),
  },
  {
    name: "p50Ms",
    title: "Half within",
    isNumber: true,
    cell: ({ p50Ms }) => of(p50Ms, latency) ?? "\u2013",
  },
  {
    name: "p99Ms",
    title: "99 % within",
    isNumber: true,
    cell: ({ p99Ms }) => of(p99Ms, latency) ?? "\u2013",
  },
];
