/** `runnel backup verify`: whether a backup is whole. */
import { verifyBackup } from "../../backup/restore.ts";
import type { Run } from "../command.ts";
import { counted } from "../counted.ts";
import { printable } from "../table.ts";
import { openBackup } from "./open_backup.ts";

export const verifyBackupAt: Run = ({ words: [destination] }) => {
  const problems = verifyBackup(openBackup(destination));
  for (const problem of problems) console.error(`runnel: ${printable(problem)}`);
  console.log(problems.length === 0 ? "The backup is whole" : counted(problems.length, "fault"));
  return Promise.resolve(problems.length === 0 ? 0 : 1);
};
