/** Sizes: what each broker's directories hold and have left (DescribeLogDirs), at two moments. */
import type { Cluster } from "../../client/cluster.ts";
import { check } from "../../client/errors.ts";
import { DescribeLogDirs } from "../../protocol/messages/describe_log_dirs.ts";
import type { Scene } from "./scene.ts";
import type { AdvertisedBroker } from "./survey.ts";

export interface TwoSizes {
  readonly before: readonly Directory[];
  readonly after: readonly Directory[];
  readonly apartMs: number;
}

export interface Directory {
  readonly brokerId: number;
  readonly path: string;
  /** Not 0: the broker cannot use it. */
  readonly errorCode: number;
  /** Of its file system; null where the broker does not say. */
  readonly totalBytes: number | null;
  readonly usableBytes: number | null;
  /** Bytes by "topic\0partition". */
  readonly partitions: ReadonlyMap<string, number>;
}

/** Throws KafkaError where they are not shown to who asks. */
export async function twoSizes(scene: Scene): Promise<TwoSizes> {
  const { cluster, survey: { brokers } } = scene;
  const before = await directoriesOf(cluster, brokers), beganMs = performance.now();
  await scene.later();
  const after = await directoriesOf(cluster, brokers);
  return { before, after, apartMs: performance.now() - beganMs };
}

async function directoriesOf(
  cluster: Cluster,
  brokers: readonly AdvertisedBroker[],
): Promise<Directory[]> {
  const all = await Promise.all(brokers.map(async ({ id }) => {
    const connection = await cluster.connectionTo(id);
    const version = connection.versionFor(DescribeLogDirs);
    const answer = await connection.request(DescribeLogDirs, version, { topics: null });
    check(answer.errorCode ?? 0, `directories of broker ${id}`);
    return answer.results.map((one): Directory => ({
      brokerId: id,
      path: one.logDir,
      errorCode: one.errorCode,
      totalBytes: known(one.totalBytes),
      usableBytes: known(one.usableBytes),
      partitions: new Map(
        one.topics.flatMap(({ name, partitions }) =>
          partitions.map((partition): [string, number] => [
            `${name}\0${partition.partitionIndex}`,
            Number(partition.partitionSize),
          ])
        ),
      ),
    }));
  }));
  return all.flat();
}

function known(bytes: number | bigint): number | null {
  return bytes < 0 ? null : Number(bytes);
}
