/** Consumer group configs: what a group of the consumer protocol (KIP-848) is run by, at this moment. */
import { type ConsumerGroupConfig, resolveGroupConfig } from "../config/group_configs.ts";
import type { Config } from "../config/options.ts";
import { type Catalogue, ConfigResource } from "./catalogue.ts";

/** The group's own configs, over what is set on the broker and the cluster while it runs, over the broker's options. */
export function consumerGroupConfig(
  catalogue: Catalogue,
  groupId: string,
  { nodeId, groups }: { readonly nodeId: number; readonly groups: Config["groups"] },
): ConsumerGroupConfig {
  const altered = catalogue.brokerConfigs(nodeId).get(INTERVAL) ??
    catalogue.brokerConfigs("").get(INTERVAL);
  const broker = {
    assignmentIntervalMs: Number(altered ?? groups.consumerAssignmentIntervalMs),
    heartbeatIntervalMs: groups.consumerHeartbeatIntervalMs,
    sessionTimeoutMs: groups.consumerSessionTimeoutMs,
  };
  return resolveGroupConfig(catalogue.configs(ConfigResource.GROUP, groupId), broker, groups);
}

const INTERVAL = "group.consumer.assignment.interval.ms";
