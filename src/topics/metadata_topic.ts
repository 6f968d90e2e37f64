/** The topic of the metadata log. */
import type { Uuid } from "../bytes/uuid.ts";

export const METADATA_TOPIC = "__cluster_metadata";
/** Kafka's fixed id of it. */
export const METADATA_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ" as Uuid;
