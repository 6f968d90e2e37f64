/**
 * AlterConfigs 0–2: replaces all that is set on topics, brokers, groups and client metrics subscriptions; with
 * validateOnly says whether it could.
 *
 * The older way, which loses what somebody else sets in between; IncrementalAlterConfigs is the other. What the request
 * does not name is deleted. Rules and codes are those of IncrementalAlterConfigs; a resource that is named twice is 42,
 * where Kafka 4.4 never answers.
 *
 * Left out: broker loggers (42, as in Kafka).
 */
import { AlterConfigs } from "../protocol/messages/alter_configs.ts";
import { ConfigOperation, planAlterConfigs } from "../topics/plan_alter_configs.ts";
import { fixedBrokerConfigs } from "./config_entries.ts";
import { type Handler, handler } from "./handler.ts";
import type { AlterConfigsDeps } from "./incremental_alter_configs.ts";
import { orNotWritten } from "./not_written.ts";

export function alterConfigs({ metadata, nodeId, config }: AlterConfigsDeps): Handler {
  const options = {
    nodeId,
    replaces: true,
    fixedBrokerConfigs: fixedBrokerConfigs(),
    groups: config.groups,
  };
  return handler(AlterConfigs, { min: 0, max: 2 }, async (request) => {
    const resources = request.resources.map(({ configs, ...resource }) => ({
      ...resource,
      configs: configs.map((config) => ({ ...config, configOperation: ConfigOperation.SET })),
    }));
    const transaction = metadata.transact(function* (catalogue) {
      const { records, result } = yield* planAlterConfigs(catalogue, resources, options);
      return { records: request.validateOnly ? [] : records, result };
    });
    const responses = await orNotWritten(
      transaction,
      (outcome) =>
        resources.map(({ resourceType, resourceName }) => ({
          resourceType,
          resourceName,
          ...outcome,
        })),
    );
    return { responses };
  });
}
