/** Confirm: what destroys asks first. Without a terminal nobody can be asked, so --yes has to say it. */
import type { Call } from "./call.ts";
import { printable } from "./table.ts";

/** Whether to go on. Throws ConfigError where nobody can be asked. */
export function confirmed(call: Call, question: string): boolean {
  if (call.has("--yes")) return true;
  if (!Deno.stdin.isTerminal()) {
    throw call.misused(`${question} Say --yes, since there is no terminal to ask at`);
  }
  const answer = prompt(`${printable(question)} [y/N]`) ?? "";
  return /^y(es)?$/i.test(answer.trim());
}
