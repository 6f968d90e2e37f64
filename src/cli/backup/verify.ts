/** `runnel backup verify`: whether a backup is whole. */
import { verifyBackup } from "../../backup/restore.ts";
import type { Run } from "../command.ts";
import { counted } from "../counted.ts";
import { Output } from "../output.ts";
import { printable } from "../table.ts";
import { openBackup } from "./open_backup.ts";

export const verifyBackupAt: Run = (call) => {
  const [destination] = call.words, out = new Output({ isJson: call.has("--json") });
  const problems = verifyBackup(openBackup(destination));
  for (const problem of problems) console.error(`runnel: ${printable(problem)}`);
  const isWhole = problems.length === 0;
  out.told(isWhole ? "The backup is whole" : counted(problems.length, "fault"), {
    isWhole,
    problems,
  });
  return Promise.resolve(isWhole ? 0 : 1);
};
