/**
 * A Grafana dashboard of a broker's /metrics, made by `deno task docs` as packaging/grafana.json: one row a subject, in the
 * order in which one looks when something is wrong.
 */
interface Panel {
  readonly title: string;
  /** PromQL, with what a line is called. */
  readonly lines: readonly (readonly [query: string, legend: string])[];
  /** Grafana's unit: "short", "s", "bytes", "Bps", "reqps", "percentunit". */
  readonly unit?: string;
  /** A number in place of a plot. */
  readonly isStat?: boolean;
  /** What is wrong where a number is above 0. */
  readonly isAlarm?: boolean;
}

const rate = (metric: string) => `rate(runnel_${metric}{instance=~"$instance"}[$__rate_interval])`;
const now = (metric: string) => `runnel_${metric}{instance=~"$instance"}`;
const quantile = (q: number, metric: string, by = "") =>
  `histogram_quantile(${q}, sum by (le${by === "" ? "" : `, ${by}`}) (${
    rate(`${metric}_bucket`)
  }))`;

/** Rows of panels. */
const ROWS: readonly (readonly [row: string, panels: readonly Panel[]])[] = [
  ["Does it serve?", [
    alarm("Partitions offline", now("partitions_offline")),
    alarm("Writes refused for want of room", now("storage_refuses_writes")),
    alarm("Metadata cannot be written", `1 - ${now("metadata_writable")}`),
    alarm("Work in the background that fails", now("background_failing")),
    {
      title: "Free on the disk",
      lines: [[now("storage_free_bytes"), "free"]],
      unit: "bytes",
      isStat: true,
    },
    { title: "Connections", lines: [[now("connections"), "open"]], isStat: true },
  ]],
  ["Throughput", [
    {
      title: "Bytes of records",
      lines: [
        [`sum(${rate("topic_bytes_in_total")})`, "in"],
        [`sum(${rate("topic_bytes_out_total")})`, "out"],
      ],
      unit: "Bps",
    },
    {
      title: "Records",
      lines: [
        [`sum(${rate("topic_messages_in_total")})`, "in"],
        [`sum(${rate("topic_messages_out_total")})`, "out"],
      ],
      unit: "cps",
    },
    {
      title: "The ten topics with most bytes in",
      lines: [[`topk(10, sum by (topic) (${rate("topic_bytes_in_total")}))`, "{{topic}}"]],
      unit: "Bps",
    },
    {
      title: "Requests by API",
      lines: [[`sum by (api) (${rate("requests_total")})`, "{{api}}"]],
      unit: "reqps",
    },
  ]],
  ["Latency", [
    {
      title: "Produce",
      lines: [0.5, 0.99, 0.999].map((q) => [
        `histogram_quantile(${q}, sum by (le) (rate(runnel_request_duration_seconds_bucket{instance=~"$instance",api="Produce"}[$__rate_interval])))`,
        `p${q * 100}`,
      ]),
      unit: "s",
    },
    {
      title: "p99 by API, long polls included",
      lines: [[quantile(0.99, "request_duration_seconds", "api"), "{{api}}"]],
      unit: "s",
    },
    {
      title: "One fdatasync",
      lines: [0.5, 0.99].map((q) => [quantile(q, "fsync_duration_seconds"), `p${q * 100}`]),
      unit: "s",
    },
    {
      title: "How late the event loop is",
      lines: [0.5, 0.99].map((q) => [quantile(q, "event_loop_delay_seconds"), `p${q * 100}`]),
      unit: "s",
    },
  ]],
  ["Groups and transactions", [
    {
      title: "The ten groups that are furthest behind",
      lines: [[`topk(10, sum by (group) (${now("group_lag")}))`, "{{group}}"]],
    },
    {
      title: "Rebalances and members dropped for silence",
      lines: [
        [rate("group_rebalances_total"), "rebalances"],
        [rate("group_sessions_expired_total"), "dropped"],
      ],
      unit: "cps",
    },
    {
      title: "Transactions",
      lines: [
        [rate("transactions_committed_total"), "committed"],
        [rate("transactions_aborted_total"), "aborted"],
        [rate("transactions_timed_out_total"), "timed out"],
      ],
      unit: "cps",
    },
    {
      title: "Age of the oldest open transaction",
      lines: [[now("transaction_oldest_open_seconds"), "oldest"]],
      unit: "s",
    },
  ]],
  ["The process, and who is kept out", [
    {
      title: "Memory",
      lines: [
        [now("resident_memory_bytes"), "in RAM"],
        [now("heap_used_bytes"), "JavaScript heap"],
        [now("external_memory_bytes"), "buffers outside of it"],
        [now("buffers_lent_bytes"), "buffers in use"],
      ],
      unit: "bytes",
    },
    {
      title: "Bytes of partitions",
      lines: [[`topk(10, sum by (topic) (${now("partition_size_bytes")}))`, "{{topic}}"]],
      unit: "bytes",
    },
    {
      title: "Connections refused, and ended by reason",
      lines: [
        [rate("connections_refused_total"), "refused"],
        [`sum by (reason) (${rate("connections_closed_total")})`, "{{reason}}"],
      ],
      unit: "cps",
    },
    {
      title: "Produce answered with an error",
      lines: [[`sum by (error) (${rate("produce_errors_total")})`, "{{error}}"]],
      unit: "cps",
    },
  ]],
];

function alarm(title: string, query: string): Panel {
  return { title, lines: [[`sum(${query})`, title]], isStat: true, isAlarm: true };
}

const SOURCE = { type: "prometheus", uid: "${datasource}" };
/** Grafana's grid has 24 columns. */
const COLUMNS = 24;

/** The dashboard, as Grafana imports it. */
export function dashboard(): string {
  let y = 0, id = 0;
  const panels: unknown[] = [];
  for (const [row, members] of ROWS) {
    panels.push({ id: ++id, type: "row", title: row, gridPos: { x: 0, y: y++, w: COLUMNS, h: 1 } });
    const h = members[0].isStat ? 4 : 8, w = COLUMNS / members.length;
    members.forEach((panel, i) => {
      panels.push({ id: ++id, ...drawn(panel), gridPos: { x: i * w, y, w, h } });
    });
    y += h;
  }
  return `${JSON.stringify(framed(panels), null, 2)}\n`;
}

function drawn({ title, lines, unit = "short", isStat = false, isAlarm = false }: Panel): object {
  const steps = [{ color: "green", value: null }, ...isAlarm ? [{ color: "red", value: 1 }] : []];
  return {
    type: isStat ? "stat" : "timeseries",
    title,
    datasource: SOURCE,
    targets: lines.map(([expr, legendFormat], i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: SOURCE,
      expr,
      legendFormat,
    })),
    fieldConfig: {
      defaults: { unit, min: 0, thresholds: { mode: "absolute", steps } },
      overrides: [],
    },
    options: isStat
      ? { colorMode: isAlarm ? "background" : "none" }
      : { tooltip: { mode: "multi" } },
  };
}

function framed(panels: readonly unknown[]): unknown {
  const chosen = (name: string, more: object) => ({ name, ...more });
  return {
    title: "Runnel",
    uid: "runnel",
    schemaVersion: 39,
    tags: ["kafka", "runnel"],
    timezone: "browser",
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [
        chosen("datasource", { type: "datasource", query: "prometheus", label: "Source" }),
        chosen("instance", {
          type: "query",
          label: "Broker",
          datasource: SOURCE,
          query: "label_values(runnel_build_info, instance)",
          refresh: 2,
          includeAll: true,
          multi: true,
          current: { text: "All", value: "$__all" },
        }),
      ],
    },
    panels,
  };
}
