/**
 * DescribeLogDirs 1–5: how many bytes each partition takes, in the one directory there is.
 *
 * topics null means all. Partitions that do not exist are left out, as Kafka leaves them out. v4+: total and usable
 * bytes of the file system, -1 where they cannot be told.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeLogDirs } from "../protocol/messages/describe_log_dirs.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import type { LogManager } from "../storage/log_manager.ts";
import { type Handler, handler } from "./handler.ts";
import type { PartitionLookup } from "./partitions.ts";

export interface DescribeLogDirsOptions extends PartitionLookup {
  readonly logs: LogManager;
  /** The data directory, absolute; "memory://" for none. */
  readonly logDir: string;
  readonly freeBytes: () => number;
}

export function describeLogDirs(options: DescribeLogDirsOptions): Handler {
  return handler(DescribeLogDirs, { min: 1, max: 5 }, (request) => {
    const logs = request.topics === null
      ? [...options.logs.all()]
      : request.topics.flatMap(({ topic, partitions }) => namedLogs(options, topic, partitions));
    const byTopic = Map.groupBy(new Set(logs), (log) => log.topic); // named twice, answered once
    const free = options.freeBytes();
    return {
      errorCode: ErrorCode.NONE,
      results: [{
        errorCode: ErrorCode.NONE,
        logDir: options.logDir,
        topics: [...byTopic].map(([name, ofTopic]) => ({
          name,
          partitions: ofTopic.map((log) => ({
            partitionIndex: log.partition,
            partitionSize: log.size,
            offsetLag: 0,
            isFutureKey: false,
          })),
        })),
        usableBytes: Number.isFinite(free) ? free : -1,
      }],
    };
  });
}

function namedLogs(
  options: PartitionLookup,
  name: string,
  indexes: readonly number[],
): PartitionLog[] {
  const topic = options.catalogue.topic(name);
  if (!topic) return [];
  return indexes.flatMap((index) => options.logs.get(topic.id, index) ?? []);
}
