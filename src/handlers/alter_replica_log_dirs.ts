/**
 * AlterReplicaLogDirs 1–2: moves replicas to another directory of this broker, which has one: that directory is fine,
 * any other is 57, an unknown partition 3. A partition named under two directories goes to the last.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { AlterReplicaLogDirs } from "../protocol/messages/alter_replica_log_dirs.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import { type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";

export interface AlterReplicaLogDirsDeps {
  readonly catalogue: Catalogue;
  /** The data directory, absolute, or memory://. */
  readonly logDir: string;
  readonly answers: LongAnswers;
}

export function alterReplicaLogDirs(deps: AlterReplicaLogDirsDeps): Handler {
  const { catalogue, logDir, answers } = deps;
  return handler(AlterReplicaLogDirs, { min: 1, max: 2 }, (request, { connection }) => {
    const results = new Map<string, Map<number, number>>();
    return answers.of({
      items: request.dirs.flatMap(({ path, topics }) => {
        const isOurs = path === logDir || path.replace(/(.)\/+$/, "$1") === logDir;
        return topics.map(({ name, partitions }) => ({ name, partitions, isOurs }));
      }),
      part: ({ name, partitions, isOurs }) => {
        const codes = results.get(name) ?? new Map<number, number>();
        results.set(name, codes);
        for (const index of partitions) codes.set(index, isOurs ? moved(name, index) : UNKNOWN);
      },
      whole: () => ({
        results: Array.from(results, ([topicName, codes]) => ({
          topicName,
          partitions: Array.from(codes, ([partitionIndex, errorCode]) => ({
            partitionIndex,
            errorCode,
          })),
        })),
      }),
      connection,
    });
  });

  function moved(name: string, index: number): number {
    return catalogue.topic(name)?.partitions[index] === undefined
      ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      : ErrorCode.NONE;
  }
}

const UNKNOWN = ErrorCode.LOG_DIR_NOT_FOUND;
