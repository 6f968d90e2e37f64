/** Commands: the table of what the command line offers, made of what each room under src/cli declares. */
import type { Command } from "./command.ts";
import { aclCommand } from "./acl/command.ts";
import { applyCommand, exportCommand } from "./state/command.ts";
import { auditCommand } from "./audit/command.ts";
import { backupCommand } from "./backup/command.ts";
import { benchCommand } from "./bench/command.ts";
import { clusterCommand } from "./cluster/command.ts";
import { completionCommand } from "./completion/command.ts";
import { configCommand } from "./config/command.ts";
import { consumeCommand } from "./consume/command.ts";
import { copyCommand } from "./copy/command.ts";
import { doctorCommand } from "./doctor/command.ts";
import { groupCommand } from "./group/command.ts";
import { healthCommand } from "./health/command.ts";
import { helpCommand } from "./help/command.ts";
import { initCommand } from "./init/command.ts";
import { produceCommand } from "./produce/command.ts";
import { quotaCommand } from "./quota/command.ts";
import { serveCommand } from "./serve/command.ts";
import { storageCommand } from "./storage/command.ts";
import { tokenCommand } from "./token/command.ts";
import { topicCommand } from "./topic/command.ts";
import { txnCommand } from "./txn/command.ts";
import { userCommand } from "./user/command.ts";
import { versionCommand } from "./version/command.ts";

export const COMMANDS: readonly Command[] = [
  aclCommand,
  applyCommand,
  auditCommand,
  backupCommand,
  benchCommand,
  clusterCommand,
  completionCommand,
  configCommand,
  consumeCommand,
  copyCommand,
  doctorCommand,
  exportCommand,
  groupCommand,
  healthCommand,
  helpCommand,
  initCommand,
  produceCommand,
  quotaCommand,
  serveCommand,
  storageCommand,
  tokenCommand,
  topicCommand,
  txnCommand,
  userCommand,
  versionCommand,
];
