/** What is asked of configs: of topics, groups, and all that is the cluster's. */
import { AlterConfigs } from "../../../../src/protocol/messages/alter_configs.ts";
import { DescribeConfigs } from "../../../../src/protocol/messages/describe_configs.ts";
import { IncrementalAlterConfigs } from "../../../../src/protocol/messages/incremental_alter_configs.ts";
import { ListConfigResources } from "../../../../src/protocol/messages/list_config_resources.ts";
import { type Asking, D_CONFIGS, A_CONFIGS, topic, group, cluster } from "./question.ts";

export function configQuestions({ ask }: Asking): void {
  const resources = [[2, "shown"], [2, "none"], [32, "g"], [16, "m"]].map((
    [resourceType, resourceName],
  ) => ({ resourceType, resourceName, configurationKeys: ["nothing"] }));
  ask("configs described", DescribeConfigs, 4, { resources }, [
    topic(D_CONFIGS),
    topic(D_CONFIGS, "none"),
    group(D_CONFIGS),
    cluster(D_CONFIGS),
  ]);
  const none = (configs: unknown[]) =>
    resources.map(({ resourceType, resourceName }) => ({ resourceType, resourceName, configs }));
  ask("configs altered", IncrementalAlterConfigs, 1, { validateOnly: true, resources: none([]) }, [
    topic(A_CONFIGS),
    topic(A_CONFIGS, "none"),
    group(A_CONFIGS),
    cluster(A_CONFIGS),
  ]);
  ask("configs replaced", AlterConfigs, 2, { validateOnly: true, resources: none([]) }, [
    topic(A_CONFIGS),
    topic(A_CONFIGS, "none"),
    group(A_CONFIGS),
    cluster(A_CONFIGS),
  ]);
  ask("resources with configs", ListConfigResources, 0, {}, [cluster(D_CONFIGS)]);
}
