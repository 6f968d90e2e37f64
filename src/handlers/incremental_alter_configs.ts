/**
 * IncrementalAlterConfigs 0–1: sets, deletes, appends to and subtracts from single configs of topics, brokers, groups
 * and client metrics subscriptions; with validateOnly says whether it could.
 *
 * A resource is altered whole or not at all, the others of the request go their own way. Changes are on the device and
 * in effect before the reply leaves. Lists begin from their default when nothing is set. Broker "" is the cluster's
 * default; what this broker reads at start only is 42, unknown names of brokers are kept, as Kafka keeps them. A
 * resource or config that is named twice is 42, and so is an unknown operation, where Kafka answers -1.
 *
 * Left out: broker loggers. This broker has none by Kafka's names, so each is 40 as an unknown one is in Kafka.
 */
import type { Config } from "../config/options.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { IncrementalAlterConfigs } from "../protocol/messages/incremental_alter_configs.ts";
import { ConfigResource } from "../topics/catalogue.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import {
  type AlteredResource,
  ConfigOperation,
  planAlterConfigs,
} from "../topics/plan_alter_configs.ts";
import { brokerIdError } from "../topics/config_rules.ts";
import { failure, type Outcome, SUCCESS } from "../topics/outcome.ts";
import { fixedBrokerConfigs } from "./config_entries.ts";
import { type Handler, handler } from "./handler.ts";
import { orNotWritten } from "./not_written.ts";

export interface AlterConfigsDeps {
  readonly metadata: MetadataStore;
  readonly nodeId: number;
  readonly config: Config;
}

export function incrementalAlterConfigs({ metadata, nodeId, config }: AlterConfigsDeps): Handler {
  const options = {
    nodeId,
    replaces: false,
    fixedBrokerConfigs: fixedBrokerConfigs(),
    groups: config.groups,
  };
  return handler(IncrementalAlterConfigs, { min: 0, max: 1 }, async (request) => {
    const isLogger = (resource: AlteredResource) =>
      resource.resourceType === ConfigResource.BROKER_LOGGER;
    const resources = request.resources.filter((resource) => !isLogger(resource));
    const transaction = metadata.transact(function* (catalogue) {
      const { records, result } = yield* planAlterConfigs(catalogue, resources, options);
      return { records: request.validateOnly ? [] : records, result };
    });
    const altered = await orNotWritten(
      transaction,
      (outcome) =>
        resources.map(({ resourceType, resourceName }) => ({
          resourceType,
          resourceName,
          ...outcome,
        })),
    );
    let next = 0;
    return {
      responses: request.resources.map((resource) => {
        if (!isLogger(resource)) return altered[next++];
        const { resourceType, resourceName } = resource;
        return { resourceType, resourceName, ...loggerOutcome(resource, nodeId) };
      }),
    };
  });
}

function loggerOutcome({ resourceName, configs }: AlteredResource, nodeId: number): Outcome {
  const refused = brokerIdError(resourceName, nodeId);
  if (refused !== null) return refused;
  for (const { name, configOperation } of configs) {
    const verb = LIST_OPERATIONS[configOperation];
    if (verb !== undefined) {
      const message = `${verb} operation is not allowed for the BROKER_LOGGER resource`;
      return failure(ErrorCode.INVALID_REQUEST, message);
    }
    return failure(ErrorCode.INVALID_CONFIG, `Logger ${name} does not exist!`);
  }
  return SUCCESS;
}

const LIST_OPERATIONS: Readonly<Record<number, string>> = {
  [ConfigOperation.APPEND]: "APPEND",
  [ConfigOperation.SUBTRACT]: "SUBTRACT",
};
