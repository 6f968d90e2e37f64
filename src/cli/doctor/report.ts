/** Report: findings as they are printed, the heaviest first. */
import type { Output } from "../output.ts";
import { counted } from "../counted.ts";
import type { Finding, Severity } from "./finding.ts";

const ORDER: readonly Severity[] = ["error", "warning", "note", "unseen"];

export function print(
  out: Output,
  findings: readonly Finding[],
  { bootstrap, checks }: { readonly bootstrap: string; readonly checks: number },
): void {
  const sorted = ORDER.flatMap((severity) => findings.filter((one) => one.severity === severity));
  if (out.isJson) {
    for (const one of sorted) out.json(one);
    return;
  }
  for (const { check, severity, what, evidence, command } of sorted) {
    if (severity === "unseen") continue;
    out.line(`${severity.toUpperCase().padEnd(7)}  ${check}: ${what}.`);
    if (evidence !== null) out.line(`         ${evidence}`);
    if (command !== null) out.line(`         > ${command}`);
  }
  const unseen = new Map<string, string[]>();
  for (const { check, severity, what } of sorted) {
    if (severity === "unseen") unseen.set(what, [...unseen.get(what) ?? [], check]);
  }
  if (sorted.length > 0) out.line();
  for (const [why, names] of unseen) out.line(`Not looked at: ${names.join(", ")}: ${why}`);
  const count = (severity: Severity) => sorted.filter((one) => one.severity === severity).length;
  const errors = count("error"), warnings = count("warning"), notes = count("note");
  const told = errors + warnings === 0
    ? `Nothing is wrong at ${bootstrap}, as far as ${
      checks - unseenChecks(unseen)
    } of ${checks} checks tell`
    : `${counted(errors, "error")} and ${counted(warnings, "warning")} at ${bootstrap}`;
  out.line(notes === 0 ? `${told}.` : `${told}; ${counted(notes, "note")}.`);
}

function unseenChecks(unseen: ReadonlyMap<string, readonly string[]>): number {
  return new Set([...unseen.values()].flat()).size;
}
