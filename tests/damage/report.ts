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

/** Failures that look alike together, with how to see one of them. */
export function failuresOf(judged: readonly Judged[]): string {
  const failed = judged.filter(({ outcome }) => outcome === null);
  const alike = Map.groupBy(failed, ({ damage, variant, faults }) => {
    return `${damage.kind}, ${damage.how}, ${variant.name}\n${general(faults[0])}`;
  });
  return [...alike].sort(([, a], [, b]) => b.length - a.length).map(([key, ones]) => {
    const [where] = key.split("\n");
    const { damage, variant, faults } = ones[0];
    return `- ${ones.length} × **${where}** — ${faults[0]}${
      faults.length > 1 ? ` (and ${faults.length - 1} more faults)` : ""
    }\n  \`deno task test:damage --show --filter="${variant.name}: ${damage.name}"\``;
  }).join("\n");
}

/** What two failures have in common: the question, without places and numbers. */
const general = (fault: string): string =>
  fault.replace(/^after the second start: /, "").replace(/\d+/g, "#")
    .replace(/^[\w-]+-#: /, "").replace(/: .*/, "");
