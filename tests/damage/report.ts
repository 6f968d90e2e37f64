/** Report: the outcomes of a campaign as tables in Markdown, and its failures by kind. */
import type { Judged } from "./campaign.ts";
import { OUTCOMES } from "./judge.ts";

/** Two tables: by what was damaged, and by how. */
export function tableOf(judged: readonly Judged[]): string {
  return [
    table("What was damaged", judged, ({ damage }) => damage.kind),
    table("How", judged, ({ damage }) => damage.how),
  ].join("\n\n");
}

function table(title: string, judged: readonly Judged[], keyOf: (one: Judged) => string): string {
  const groups = Map.groupBy(judged, keyOf);
  const hasFailures = judged.some(({ outcome }) => outcome === null);
  const columns = [...OUTCOMES, ...hasFailures ? [null] : []];
  const head = [title, "Cases", ...columns.map((outcome) => outcome ?? "FAILED")];
  const rows = [...groups].sort(([a], [b]) => a < b ? -1 : 1).map(([key, ones]) => [
    key.startsWith(".") ? `\`${key}\`` : key,
    `${ones.length}`,
    ...columns.map((outcome) => `${ones.filter((one) => one.outcome === outcome).length || ""}`),
  ]);
  const all = [
    "all",
    `${judged.length}`,
    ...columns.map((outcome) => `${judged.filter((one) => one.outcome === outcome).length}`),
  ];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(head),
    line(head.map((_, i) => i === 0 ? "---" : "--:")),
    ...[...rows, all].map(line),
  ]
    .join("\n");
}

/** Failures that look alike together, the gravest first, with how to see one of them. */
export function failuresOf(judged: readonly Judged[]): string {
  const failed = judged.filter(({ outcome }) => outcome === null);
  const classes = Map.groupBy(failed, classOf);
  return CLASSES.filter((name) => classes.has(name)).map((name) => {
    const ones = classes.get(name)!;
    return `### ${name}: ${ones.length}\n\n${alikeOf(ones)}`;
  }).join("\n\n");
}

function alikeOf(failed: readonly Judged[]): string {
  const alike = Map.groupBy(failed, ({ damage, variant }) => {
    return `${damage.kind}, ${damage.how}, ${variant.name}`;
  });
  return [...alike].sort(([, a], [, b]) => b.length - a.length).map(([where, ones]) => {
    const { damage, variant, faults } = ones[0];
    const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
    return [
      `- ${ones.length} × **${where}** — ${faults[0]}${more}`,
      `  \`deno task test:damage --show --filter="${variant.name}: ${damage.name}"\``,
    ].join("\n");
  }).join("\n");
}

const CLASSES = [
  "Hangs",
  "Exceptions that nobody caught",
  "Folders or bytes gone",
  "Wrong answers",
  "Errors of what is not damaged",
  "Broken off: the connection, or the second start",
  "Refusals that are not in words or change something",
  "Silence",
];

/** By the gravest of its faults. */
function classOf({ faults }: Judged): string {
  const has = (pattern: RegExp) => faults.some((fault) => pattern.test(fault));
  const which = has(/not within \d+ ms/)
    ? 0
    : has(/^an uncaught/)
    ? 1
    : has(/^(the folder|bytes of) .* (is|are) gone$/)
    ? 2
    : has(/should be|no answer/)
    ? 3
    : has(/is not what is damaged$/)
    ? 4
    : has(/^broke off/)
    ? 5
    : has(/^refused/)
    ? 6
    : 7;
  return CLASSES[which];
}
