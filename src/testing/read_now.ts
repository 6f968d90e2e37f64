/** readNow: a read of a log whose segments lie on this machine, which answers at once; for tests that look at the bytes. */
import type { PartitionLog } from "../storage/log/partition_log.ts";

export function readNow(
  log: Pick<PartitionLog, "read">,
  ...args: Parameters<PartitionLog["read"]>
): Uint8Array | null {
  const bytes = log.read(...args);
  if (bytes instanceof Promise) throw new Error("The log answers later");
  return bytes;
}
