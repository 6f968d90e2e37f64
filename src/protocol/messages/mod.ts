/**
 * The APIs of this protocol that clients may speak, by key: what Kafka 4.4 serves on a broker's listeners.
 */
import type { Api } from "../schema.ts";
import { ApiVersions } from "./api_versions.ts";
import { CreateTopics } from "./create_topics.ts";
import { DeleteTopics } from "./delete_topics.ts";
import { Fetch } from "./fetch.ts";
import { FindCoordinator } from "./find_coordinator.ts";
import { InitProducerId } from "./init_producer_id.ts";
import { ListOffsets } from "./list_offsets.ts";
import { Metadata } from "./metadata.ts";
import { Produce } from "./produce.ts";

export const apis: readonly Api[] = [
  Produce,
  Fetch,
  ListOffsets,
  Metadata,
  FindCoordinator,
  ApiVersions,
  CreateTopics,
  DeleteTopics,
  InitProducerId,
];

const byKey = new Map(apis.map((api) => [api.key, api]));

/** The API with this key, or undefined for one that is not a client's. */
export function apiByKey(key: number): Api | undefined {
  return byKey.get(key);
}

export {
  ApiVersions,
  CreateTopics,
  DeleteTopics,
  Fetch,
  FindCoordinator,
  InitProducerId,
  ListOffsets,
  Metadata,
  Produce,
};
