/**
 * ListConfigResources 0–1: the resources that have, or may have, configs of their own: groups and client metrics
 * subscriptions that set some, and every broker and topic.
 *
 * Versions: 0 client metrics only · 1 the types asked for, none named means all; an unknown type is 35.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { ListConfigResources } from "../protocol/messages/list_config_resources.ts";
import { type Catalogue, ConfigResource } from "../topics/catalogue.ts";
import { type Handler, handler } from "./handler.ts";

export function listConfigResources({ catalogue }: { readonly catalogue: Catalogue }): Handler {
  return handler(ListConfigResources, { min: 0, max: 1 }, (request, { apiVersion }) => {
    if (apiVersion === 0) return listed(catalogue, [ConfigResource.CLIENT_METRICS]);
    const { resourceTypes } = request;
    const isUnknown = resourceTypes.some((type) => !ALL_TYPES.includes(type));
    if (isUnknown) return { errorCode: ErrorCode.UNSUPPORTED_VERSION, configResources: [] };
    return listed(catalogue, resourceTypes.length === 0 ? ALL_TYPES : [...new Set(resourceTypes)]);
  });
}

const ALL_TYPES: readonly number[] = Object.values(ConfigResource).sort((a, b) => b - a);

function listed(catalogue: Catalogue, types: readonly number[]) {
  const configResources = types.flatMap((resourceType) =>
    namesOf(catalogue, resourceType).map((resourceName) => ({ resourceType, resourceName }))
  );
  return { errorCode: ErrorCode.NONE, configResources };
}

function namesOf(catalogue: Catalogue, resourceType: number): string[] {
  switch (resourceType) {
    case ConfigResource.TOPIC:
      return catalogue.topics().map(({ name }) => name);
    case ConfigResource.BROKER:
    case ConfigResource.BROKER_LOGGER:
      return catalogue.brokers().map(({ brokerId }) => String(brokerId));
    default:
      return catalogue.configured(resourceType);
  }
}
