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
  const groups = groupsRule(config.groups);
  if (groups !== null) return groups;
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

/** Bounds of consumer groups hold what they bound, and a heartbeat comes before the session ends (GroupCoordinatorConfig). */
function groupsRule(groups: Config["groups"]): string | null {
  const ranges = [
    [
      "session_timeout_ms",
      groups.consumerMinSessionTimeoutMs,
      groups.consumerSessionTimeoutMs,
      groups.consumerMaxSessionTimeoutMs,
    ],
    [
      "heartbeat_interval_ms",
      groups.consumerMinHeartbeatIntervalMs,
      groups.consumerHeartbeatIntervalMs,
      groups.consumerMaxHeartbeatIntervalMs,
    ],
    [
      "assignment_interval_ms",
      groups.consumerMinAssignmentIntervalMs,
      groups.consumerAssignmentIntervalMs,
      groups.consumerMaxAssignmentIntervalMs,
    ],
  ] as const;
  for (const [name, min, value, max] of ranges) {
    if (min <= value && value <= max) continue;
    return `groups.consumer_${name} = ${value}: needs groups.consumer_min_${name} (${min}) to groups.consumer_max_${name} (${max})`;
  }
  const { consumerHeartbeatIntervalMs: beat, consumerSessionTimeoutMs: session } = groups;
  return beat < session
    ? null
    : `groups.consumer_heartbeat_interval_ms = ${beat}: needs less than groups.consumer_session_timeout_ms (${session})`;
}

function isLoopback(address: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/.test(address);
}
