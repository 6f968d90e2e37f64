/**
 * One record: requests that carry a single record of 100 bytes, over 50 connections: what a request costs.
 */
import type { Bench } from "./types.ts";
import { runProduce } from "./produce.ts";

export const oneRecord: Bench = {
  name: "one_record",
  flush: ["fsync", "os"],
  async run(target, size) {
    const connections = size === "smoke" ? 5 : 50;
    return [
      await runProduce(target, size, { connections, inFlight: 1, records: 1, valueBytes: 100 }),
    ];
  },
};
