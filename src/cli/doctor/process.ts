/** Process: whether the broker has enough descriptors and memory left. */
import { bytesText, type Check, type Found } from "./finding.ts";

const FULL = 0.85;

export const processCheck: Check = {
  name: "process",
  look: (scene) => {
    const { status: { process, limits, connections } } = scene.http, found: Found[] = [];
    const { spareDescriptors: spare, lookedFor } = process;
    if (spare !== null && spare < lookedFor) {
      found.push({
        severity: "warning",
        what: `The broker has ${spare} descriptors left for connections and files`,
        evidence:
          `${connections} connections are open; limits.max_connections = ${limits.maxConnections} needs more than that`,
        command: "ulimit -n 65536  # before runnel; under systemd LimitNOFILE=65536 in its unit",
      });
    }
    if (process.heapUsedBytes > FULL * process.heapLimitBytes) {
      found.push({
        severity: "warning",
        what: "The broker's heap is nearly full",
        evidence: `${bytesText(process.heapUsedBytes)} of ${
          bytesText(process.heapLimitBytes)
        } are used`,
        command: "DENO_V8_FLAGS=--max-old-space-size=4096 runnel serve",
      });
    }
    return Promise.resolve(found);
  },
};
