/** Guards of configs: the right to each is one on its topic, its group, or, for all else, the cluster. */
import { AlterConfigs } from "../../protocol/messages/alter_configs.ts";
import { DescribeConfigs } from "../../protocol/messages/describe_configs.ts";
import { IncrementalAlterConfigs } from "../../protocol/messages/incremental_alter_configs.ts";
import type { Access } from "../../security/acl/access.ts";
import { ConfigResource } from "../../topics/catalogue.ts";
import { repeated } from "../../topics/outcome.ts";
import { completed, type Guard, guard, parted } from "../guard.ts";
import {
  ALTER_CONFIGS,
  CLUSTER_REFUSED,
  DESCRIBE_CONFIGS,
  GROUP_REFUSED,
  onCluster,
  onGroup,
  onTopic,
  refusal,
  TOPIC_REFUSED,
} from "./rights.ts";

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

const ON_ALTER = [onTopic(ALTER_CONFIGS), onCluster(ALTER_CONFIGS), onGroup(ALTER_CONFIGS)];

export const configGuards: readonly Guard[] = [
  guard(
    DescribeConfigs,
    [onTopic(DESCRIBE_CONFIGS), onCluster(DESCRIBE_CONFIGS), onGroup(DESCRIBE_CONFIGS)],
    (request, { access }, rest) => {
      const { allowed, refused } = parted(request.resources, mayBy(access, DESCRIBE_CONFIGS));
      if (refused.length === 0) return rest(request);
      return completed(rest({ ...request, resources: allowed }), (answer) => ({
        ...answer,
        results: [...answer.results ?? [], ...refused.map(refusedResource)],
      }));
    },
  ),
  guard(AlterConfigs, ON_ALTER, (request, { access }, rest) => {
    const { allowed, refused } = alterable(access, request.resources);
    if (refused.length === 0) return rest(request);
    return completed(rest({ ...request, resources: allowed }), (answer) => ({
      ...answer,
      responses: [...answer.responses ?? [], ...refused.map(refusedResource)],
    }));
  }),
  guard(IncrementalAlterConfigs, ON_ALTER, (request, { access }, rest) => {
    const { allowed, refused } = alterable(access, request.resources);
    if (refused.length === 0) return rest(request);
    return completed(rest({ ...request, resources: allowed }), (answer) => ({
      ...answer,
      responses: [...answer.responses ?? [], ...refused.map(refusedResource)],
    }));
  }),
];

/** What is named twice is the handler's to refuse, whoever asks; there are no loggers that it could know. */
function alterable<T extends Resource>(access: Access, resources: readonly T[]) {
  const keyOf = ({ resourceType, resourceName }: Resource) => `${resourceType}:${resourceName}`;
  const twice = repeated(resources.map(keyOf)), may = mayBy(access, ALTER_CONFIGS);
  const isTwice = (one: Resource) =>
    one.resourceType !== ConfigResource.BROKER_LOGGER && twice.has(keyOf(one));
  return parted(resources, (one) => isTwice(one) || may(one));
}

/** Kinds of resources that there are not are the handler's to refuse. */
function mayBy(access: Access, operation: number): (resource: Resource) => boolean {
  return ({ resourceType, resourceName }) => {
    switch (resourceType) {
      case ConfigResource.TOPIC:
        return access.mayTopic(operation, resourceName);
      case ConfigResource.GROUP:
        return access.mayGroup(operation, resourceName);
      case ConfigResource.BROKER:
      case ConfigResource.BROKER_LOGGER:
      case ConfigResource.CLIENT_METRICS:
        return access.mayCluster(operation);
      default:
        return true;
    }
  };
}

function refusedResource({ resourceType, resourceName }: Resource) {
  const errorCode = resourceType === ConfigResource.TOPIC
    ? TOPIC_REFUSED
    : resourceType === ConfigResource.GROUP
    ? GROUP_REFUSED
    : CLUSTER_REFUSED;
  return { resourceType, resourceName, ...refusal(errorCode) };
}
