/** Commands: the table of what the command line offers, made of what each room under src/cli declares. */
import type { Command } from "./command.ts";
import { clusterCommand } from "./cluster/command.ts";
import { configCommand } from "./config/command.ts";
import { consumeCommand } from "./consume/command.ts";
import { copyCommand } from "./copy/command.ts";
import { groupCommand } from "./group/command.ts";
import { produceCommand } from "./produce/command.ts";
import { topicCommand } from "./topic/command.ts";

export const COMMANDS: readonly Command[] = [
  clusterCommand,
  configCommand,
  consumeCommand,
  copyCommand,
  groupCommand,
  produceCommand,
  topicCommand,
];
