/** createAll: logs that are expected and made at once, as placement does with a new topic's. */
import type { LogManager } from "../storage/log_manager.ts";
import type { WantedLog } from "../storage/opening.ts";

export function createAll(logs: LogManager, wanted: Iterable<WantedLog>): void {
  const all = [...wanted];
  logs.expect(all);
  for (const { topicId, partition } of all) logs.make(topicId, partition);
}
