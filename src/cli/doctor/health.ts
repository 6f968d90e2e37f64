/** Health: whether the broker says that it is ready, and what it says is wrong with a part of it. */
import { counted } from "../counted.ts";
import type { Check, Found } from "./finding.ts";

export const healthCheck: Check = {
  name: "health",
  look: (scene) => {
    const { status: { notReady, warnings } } = scene.http;
    const found: Found[] = [];
    if (notReady !== null) {
      const [first, ...rest] = notReady.split("\n");
      found.push({
        severity: "error",
        what: `The broker is not ready: ${first}`,
        ...rest.length > 0 ? { evidence: rest.join("; ") } : {},
        command: "journalctl -u runnel -n 50",
      });
    }
    const told = new Set(notReady?.split("\n") ?? []);
    for (const warning of warnings) {
      // Which the checks of partitions and of the disk tell of.
      if (told.has(warning) || / is offline: /.test(warning) || IS_OF_DISK.test(warning)) continue;
      found.push({ severity: "warning", what: warning, command: "journalctl -u runnel -n 50" });
    }
    for (const { level, event, count, lastMs } of scene.http.status.events ?? []) {
      if (level !== "error") continue;
      found.push({
        severity: "note",
        what: `The broker's log has had ${event} within the last hour`,
        evidence: `${counted(count, "time")}, last at ${new Date(lastMs).toISOString()}`,
        command: "journalctl -u runnel --since -1h",
      });
    }
    return Promise.resolve(found);
  },
};

export const IS_OF_DISK = /^(producers are refused|the disk is full)/;
