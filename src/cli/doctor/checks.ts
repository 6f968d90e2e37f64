/** Checks: the table of what `runnel doctor` looks at once it knows where the broker is. */
import { certificatesCheck } from "./certificates.ts";
import { clientsCheck } from "./clients.ts";
import { clockCheck } from "./clock.ts";
import { configsCheck } from "./configs.ts";
import { directoryCheck } from "./directory.ts";
import { diskCheck } from "./disk.ts";
import type { Check } from "./finding.ts";
import { groupsCheck } from "./groups.ts";
import { healthCheck } from "./health.ts";
import { hotCheck } from "./hot.ts";
import { partitionsCheck } from "./partitions.ts";
import { processCheck } from "./process.ts";
import { refusedCheck } from "./refused.ts";
import { transactionsCheck } from "./transactions.ts";
import { unitCheck } from "./unit.ts";

export const CHECKS: readonly Check[] = [
  healthCheck,
  certificatesCheck,
  clockCheck,
  diskCheck,
  directoryCheck,
  processCheck,
  unitCheck,
  configsCheck,
  partitionsCheck,
  hotCheck,
  groupsCheck,
  transactionsCheck,
  refusedCheck,
  clientsCheck,
];
