/**
 * `runnel apply`: makes a cluster have what a state.toml says. It reads, plans, shows the plan, looks whether all of it
 * can be done, asks, and does it; a second time there is nothing to do.
 */
import { askingOf } from "../../client/asking.ts";
import { clusterIdOf } from "../../client/settings.ts";
import { ConfigError } from "../../config/load.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { type Connected, connected } from "../connected.ts";
import type { Output } from "../output.ts";
import { printable } from "../table.ts";
import { Applied } from "./applied.ts";
import { type CarriedOut, carryOut, refusalsOf } from "./carry_out.ts";
import { clusterState, scopeOf } from "./cluster_state.ts";
import { passwordsFor } from "./passwords.ts";
import { type Change, madeBy, type Plan, planOf } from "./plan.ts";
import { COLOURS, jsonOf, linesOf, summaryOf } from "./plan_text.ts";
import { notSeen } from "./seen.ts";
import { listedIn, type State } from "./state.ts";
import { stateIn } from "./state_file.ts";

/** How --check ends where something differs. */
const DIFFERS = 2;

export const apply: Run = async (call) => {
  const path = call.text("-f");
  if (path === null) throw call.misused("needs -f FILE, or -f - for standard input");
  if (path === "-" && call.has("--prune")) {
    throw call.misused("--prune needs a file, beside which it is kept what the last apply listed");
  }
  const wanted = await stateIn(path);
  const rotate = new Set(call.texts("--rotate"));
  for (const name of rotate) {
    const user = wanted.users.get(name);
    if (user?.secret != null) continue;
    throw call.misused(`--rotate ${name}: the file has no such user with a password`);
  }
  return await connected(call, (to) => applied(call, to, { path, wanted, rotate }));
};

interface Asked {
  readonly path: string;
  readonly wanted: State;
  readonly rotate: ReadonlySet<string>;
}

async function applied(
  call: Call,
  { cluster, out, bootstrap }: Connected,
  { path, wanted, rotate }: Asked,
): Promise<number> {
  const asking = askingOf(cluster), listed = listedIn(wanted);
  let record = path === "-" ? null : new Applied(path, await clusterIdOf(asking));
  const lastListed = record?.read() ?? null;
  if (call.has("--prune") && lastListed === null) {
    console.error(`runnel: ${path} was not applied to this cluster before: nothing is pruned`);
  }
  if (call.has("--prune") && listed.size === 0 && !call.has("--force")) {
    throw new ConfigError(
      `${path} lists nothing, so that --prune would take away all that the last apply listed; do it with --force`,
    );
  }
  const scope = scopeOf(listed, lastListed ?? []);
  const { state } = await clusterState(asking, scope);
  const options = { lastListed, rotate, prune: call.has("--prune"), force: call.has("--force") };
  const plan = planOf(wanted, state, options), { changes, problems } = plan;
  if (!out.isJson) show(plan, out);
  if (call.has("--check")) {
    if (out.isJson) showDifferences(plan, out);
    tellProblems([...problems, ...await refusalsOf(asking, changes, { onlyLooks: true })]);
    return changes.length + problems.length > 0 ? DIFFERS : 0;
  }
  if (tellProblems(problems)) return 1;
  if (changes.length === 0) {
    if (!isSame(listed, lastListed)) note(call, record, listed);
    return 0;
  }
  const { passwords, missing } = passwordsFor(wanted, changes);
  if (tellProblems([...missing, ...await refusalsOf(asking, changes)])) return 1;
  if (!confirmed(call, `Do this at ${bootstrap}?`)) return 1;
  // Until all is done, what the last one listed and is to be pruned counts as listed. What is not there counts when it is
  // being made, and no longer when it was not: who makes it then is somebody else.
  const own = new Set([...listed, ...lastListed ?? []]).intersection(listedIn(state));
  record = note(call, record, own);
  const became: CarriedOut[] = [];
  const begin = (some: readonly Change[]) => {
    for (const name of some.flatMap(madeBy)) own.add(name);
    record = note(call, record, own);
  };
  const tell = (one: CarriedOut) => {
    became.push(one);
    if (one.outcome === null || one.outcome === "not known") return;
    for (const name of madeBy(one.change)) own.delete(name);
  };
  try {
    await carryOut(asking, changes, { passwords, tell, begin });
  } finally {
    tellBecame(became, out);
  }
  if (became.some(({ outcome }) => outcome !== null)) {
    record = note(call, record, own);
    return 1;
  }
  note(call, record, listed);
  const unseen = await notSeen(asking, wanted, { scope, options });
  const told = unseen.flatMap(linesOf).map(({ sign, text }) =>
    `The broker took this and does not show it: ${sign} ${text}`
  );
  return tellProblems(told) ? 1 : 0;
}

function isSame(listed: ReadonlySet<string>, last: ReadonlySet<string> | null): boolean {
  return last !== null && last.size === listed.size && last.isSubsetOf(listed);
}

/**
 * Where it cannot be written, as beside a file that was mounted to be read, nothing can be pruned: that alone needs it,
 * and for others it is told once. Returns where to note the next.
 */
function note(call: Call, record: Applied | null, listed: ReadonlySet<string>): Applied | null {
  try {
    record?.write(listed);
    return record;
  } catch (error) {
    if (!(error instanceof ConfigError) || call.has("--prune")) throw error;
    console.error(`runnel: ${error.message}: a later --prune does not know of this apply`);
    return null;
  }
}

function show({ changes, unlisted }: Plan, out: Output): void {
  for (const change of changes) {
    for (const { sign, text } of linesOf(change)) out.line(`${sign} ${text}`, COLOURS[sign]);
  }
  out.line(changes.length === 0 ? "Nothing to do" : summaryOf(changes));
  if (unlisted.length === 0) return;
  out.line("No longer in the file, and left as it is; --prune takes it away, now or never:");
  for (const { text } of unlisted.flatMap(linesOf)) out.line(`  ${text}`);
}

function showDifferences({ changes }: Plan, out: Output): void {
  for (const change of changes) out.json({ ...jsonOf(change), outcome: "differs" });
}

/** Whether there are any. */
function tellProblems(problems: readonly string[]): boolean {
  for (const problem of problems) console.error(`runnel: ${printable(problem)}`);
  return problems.length > 0;
}

/** One line where all was done; else what became of each. */
function tellBecame(became: readonly CarriedOut[], out: Output): void {
  if (out.isJson) {
    for (const { change, outcome } of became) {
      const error = outcome instanceof Error ? { error: outcome.message } : {};
      out.json({ ...jsonOf(change), outcome: wordOf(outcome), ...error });
    }
    return;
  }
  if (became.every(({ outcome }) => outcome === null)) {
    out.line("Done");
    return;
  }
  for (const { change, outcome } of became) {
    for (const { sign, text } of linesOf(change)) {
      out.line(`${wordOf(outcome).padEnd(9)} ${sign} ${text}`);
    }
    if (outcome instanceof Error) console.error(`runnel: ${printable(outcome.message)}`);
  }
}

function wordOf(outcome: CarriedOut["outcome"]): string {
  return outcome === null ? "done" : outcome instanceof Error ? "refused" : outcome;
}
