/**
 * `deno task docs`: writes what derives from code into README.md and pages of docs/ (between their markers, and the version
 * that examples show), packaging/runnel.toml and packaging/grafana.json. With --check it writes nothing and fails when
 * something is out of date.
 */
import { exampleToml, optionTable } from "../src/config/describe.ts";
import { CHANGES } from "../src/audit/changes/mod.ts";
import { FIELDS } from "../src/audit/event.ts";
import { apiTable, kipTable, notServedTable } from "./compatibility/tables.ts";
import { dashboard } from "./dashboard.ts";
import { rows } from "../src/config/rows.ts";
import { events } from "../src/log/events.ts";
import { VERSION } from "../src/version.ts";

const root = new URL("..", import.meta.url);

/** The options that a newcomer meets, in the README's table; docs/options.md has all. */
const README_OPTIONS = [
  "kafka_port",
  "http_port",
  "listen_addresses",
  "advertised_address",
  "insecure",
  "storage.path",
  "storage.flush",
  "num_partitions",
  "auto_create_topics",
  "topic.retention.ms",
];

/** What these documents show of this version: "Runnel 1.2.3", "runnel-1.2.3.tgz". */
const VERSION_SHOWN = /\b([Rr]unnel[ -])\d+\.\d+\.\d+\b/g;

/** What docs/limits.md has, by its headings. */
const LIMITS = {
  many: [
    "limits.max_partitions",
    "limits.max_connections",
    "limits.max_queued_requests",
    "limits.fetch_sessions",
    "limits.open_files",
    "limits.http_connections",
    "groups.max_groups",
    "groups.max_offsets",
    "groups.max_size",
    "groups.consumer_max_size",
    "transactions.max_ids",
    "authorization.max_acls",
    "delegation_token.max_tokens",
    "delegation_token.max_tokens_per_owner",
  ],
  large: [
    "topic.max.message.bytes",
    "batching.max_batch_size",
    "batching.max_batch_messages",
    "limits.max_decompressed_bytes",
    "limits.max_frame_bytes",
    "limits.unauthenticated_frame_bytes",
    "limits.max_fetch_bytes",
    "limits.max_buffered_bytes",
    "groups.max_member_bytes",
    "groups.offset_metadata_max_length",
    "groups.offset_metadata_max_bytes",
    "storage.min_free_bytes",
  ],
  long: [
    "limits.authentication_timeout_ms",
    "limits.idle_timeout_ms",
    "limits.frame_timeout_ms",
    "limits.min_bytes_per_second",
    "groups.min_session_timeout_ms",
    "groups.max_session_timeout_ms",
    "groups.offsets_retention_minutes",
    "transactions.max_timeout_ms",
    "transactions.id_expiration_ms",
    "storage.producer_id_expiration_ms",
  ],
};

/** Topic configs that are kept for Kafka and have no effect with one node, which docs/topics.md leaves to docs/options.md. */
const WITHOUT_EFFECT =
  /^topic\.(preallocate|remote\.|local\.|errors\.|unclean\.|min\.insync\.|.*\.throttled\.)/;

/** The files that derive from code, with their current and their due text. */
export async function derived(): Promise<{ path: string; text: string; due: string }[]> {
  const filled = (path: string, parts: Readonly<Record<string, string>>) => {
    const text = Deno.readTextFileSync(new URL(path, root));
    let due = text.replace(VERSION_SHOWN, (_, name) => `${name}${VERSION}`);
    for (const [name, content] of Object.entries(parts)) due = fill(due, name, content, path);
    return { path, text, due };
  };
  const toml = "packaging/runnel.toml", grafana = "packaging/grafana.json";
  return [
    filled("README.md", { options: optionTable(README_OPTIONS) }),
    filled("docs/compatibility.md", {
      apis: await apiTable(),
      "not-served": await notServedTable(),
      kips: kipTable(),
    }),
    filled("docs/options.md", { options: optionTable() }),
    filled("docs/topics.md", { "topic-configs": topicConfigTable() }),
    filled("docs/limits.md", {
      "limits-many": optionTable(LIMITS.many),
      "limits-large": optionTable(LIMITS.large),
      "limits-long": optionTable(LIMITS.long),
    }),
    filled("docs/log.md", { events: eventTable() }),
    filled("docs/audit.md", { fields: fieldTable(), changes: changeTable() }),
    filled("docs/getting-started.md", {}),
    filled("docs/testing.md", {}),
    { path: grafana, text: Deno.readTextFileSync(new URL(grafana, root)), due: dashboard() },
    { path: toml, text: Deno.readTextFileSync(new URL(toml, root)), due: exampleToml() },
  ];
}

/** The text with what stands between the markers of `name` replaced. */
export function fill(text: string, name: string, content: string, path = "The text"): string {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path} has no markers ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}

/** By their names as configs. */
function topicConfigTable(): string {
  const keys = rows().map(({ key }) => key)
    .filter((key) => key.startsWith("topic.") && !WITHOUT_EFFECT.test(key));
  return optionTable(keys).replace("| Option |", "| Config |").replaceAll("| `topic.", "| `");
}

/** The warnings and errors of the log. */
function eventTable(): string {
  const lines = [...events].map(([name, { meaning, advice }]) =>
    `| \`${name}\` | ${meaning} | ${advice ?? "nothing"} |`
  );
  return ["| Event | What has happened | What to do |", "|---|---|---|", ...lines].join("\n");
}

/** The fields of the audit's lines. */
function fieldTable(): string {
  const lines = FIELDS.map(([name, kinds, meaning]) =>
    `| \`${name}\` | ${kinds.length === 5 ? "all" : kinds.join(", ")} | ${meaning} |`
  );
  return ["| Field | In lines of | Meaning |", "|---|---|---|", ...lines].join("\n");
}

/** What counts as a change. */
function changeTable(): string {
  const lines = CHANGES.map(({ api, action, doc }) => `| \`${action}\` | ${api.name} | ${doc} |`);
  return ["| Action | API | What it is |", "|---|---|---|", ...lines].join("\n");
}

if (import.meta.main) {
  const files = await derived();
  const stale = files.filter(({ text, due }) => text !== due);
  for (const { path, due } of Deno.args.includes("--check") ? [] : stale) {
    Deno.writeTextFileSync(new URL(path, root), due);
  }
  for (const { path } of stale) {
    console.log(
      `${path}: ${Deno.args.includes("--check") ? "out of date, run: deno task docs" : "written"}`,
    );
  }
  if (Deno.args.includes("--check") && stale.length > 0) Deno.exit(1);
}
