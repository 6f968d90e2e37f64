/**
 * Produce: connections that append the same batch again and again, each to a partition of its own.
 */
import { type Bench, durations, type Result, type Size, type Target } from "./types.ts";
import { Histogram } from "./histogram.ts";
import { LoadConnection, Phases } from "./load.ts";
import { batchOf, checkProduced, produceRequest, withTopic } from "./topics.ts";

export interface ProduceLoad {
  readonly connections: number;
  readonly inFlight: number;
  /** Records a batch, and the bytes of one's value. */
  readonly records: number;
  readonly valueBytes: number;
}

export const produce: Bench = {
  name: "produce",
  flush: ["fsync", "os"],
  async run(target, size) {
    const loads: readonly ProduceLoad[] = size === "smoke"
      ? [{ connections: 2, inFlight: 2, records: 16, valueBytes: 1024 }]
      : [
        { connections: 1, inFlight: 1, records: 16, valueBytes: 1024 },
        { connections: 1, inFlight: 5, records: 16, valueBytes: 1024 },
        { connections: 4, inFlight: 5, records: 16, valueBytes: 1024 },
        { connections: 4, inFlight: 5, records: 160, valueBytes: 100 },
        { connections: 4, inFlight: 2, records: 512, valueBytes: 1024 },
      ];
    const results: Result[] = [];
    for (const load of loads) results.push(await runProduce(target, size, load));
    return results;
  },
};

/** Shared with one_record.ts. */
export async function runProduce(
  target: Target,
  size: Size,
  load: ProduceLoad,
): Promise<Result> {
  const { connections, inFlight, records, valueBytes } = load;
  return await withTopic(target, connections, async (topic) => {
    const batch = batchOf(records, valueBytes);
    const loaders = await Promise.all(
      Array.from({ length: connections }, () => LoadConnection.open(target.address, target.caCert)),
    );
    const { warmUpMs, measureMs } = durations(size);
    const phases = new Phases(warmUpMs, measureMs);
    const latency = new Histogram();
    await Promise.all(
      loaders.map((loader, partition) =>
        loader.keepBusy(produceRequest(topic, partition, batch), {
          inFlight,
          isOver: () => phases.isOver,
          latency: () => phases.isMeasuring ? latency : null,
          check: checkProduced,
        })
      ),
    );
    for (const loader of loaders) loader.close();
    return {
      load: `${connections} conn × ${inFlight} in flight × ${records} × ${valueBytes} B`,
      requests: latency.count,
      bytes: latency.count * records * valueBytes,
      seconds: phases.seconds,
      latency,
    };
  });
}
