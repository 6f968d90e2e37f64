/**
 * DescribeLogDirs: the log directories of a broker and the partitions in them.
 *
 * v2 flexible · v3 a top-level error code · v4 total and usable bytes · v5 cordoned directories.
 */
import { api, array, bool, int16, int32, int64, string } from "../schema.ts";

export const DescribeLogDirs = api({
  key: 35,
  name: "DescribeLogDirs",
  versions: "1-5",
  flexible: "2+",
  request: {
    topics: array({
      topic: string,
      partitions: array(int32),
    }).nullable(),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.in("3+").ignorable(),
    results: array({
      errorCode: int16,
      logDir: string,
      topics: array({
        name: string,
        partitions: array({
          partitionIndex: int32,
          partitionSize: int64,
          offsetLag: int64,
          isFutureKey: bool,
        }),
      }),
      totalBytes: int64.default(-1).in("4+").ignorable(),
      usableBytes: int64.default(-1).in("4+").ignorable(),
      isCordoned: bool.in("5+").ignorable(),
    }),
  },
});
