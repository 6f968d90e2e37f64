/** Rules: what must hold between options. */
import { advertisedFault } from "./addresses.ts";
import type { Config } from "./options.ts";

/** The first rule broken, in one sentence with the way out, or null. */
export function checkRules(config: Config): string | null {
  if (config.auth.enabled) {
    return "auth.enabled = true is refused: this version cannot authenticate clients yet, and must not look as if it did";
  }
  if (config.batching.flushIntervalMs === 0 && config.storage.flush === "interval") {
    return "batching.flush_interval_ms = 0 with storage.flush = interval: needs the period between two fsyncs, above 0";
  }
  const open = config.listenAddresses.find((address) => !isLoopback(address));
  if (open !== undefined && !config.insecure) {
    return `listen_addresses has ${open}, which other machines can reach, and there is no authentication: ` +
      "set insecure = true (--insecure) if everyone there may read, write and delete";
  }
  const unreachable = advertisedFault(config.advertisedAddress);
  if (unreachable !== null) {
    return `advertised_address = ${JSON.stringify(config.advertisedAddress)}: ${unreachable}`;
  }
  if (config.httpPort !== 0 && config.httpPort === config.kafkaPort) {
    return `kafka_port and http_port are both ${config.kafkaPort}: need two ports`;
  }
  return null;
}

function isLoopback(address: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/.test(address);
}
