/**
 * Without effect: says when a topic gets `preallocate`, which clients and tools of Kafka set, that nothing comes of it.
 *
 * Kafka makes a new segment's file as long as it may become (RandomAccessFile.setLength). That reserves nothing on file
 * systems with sparse files, which are all of Linux: a segment of 100 MiB takes one block there, too. What it is for,
 * files in one piece, a system gives as well whose writes come in order; what it costs is that after a crash an end of
 * zeros has to be told from a torn one. So it is kept and shown for Kafka, and files grow as they are written.
 */
import { logger } from "../log.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import type { CatalogueChange } from "../topics/catalogue_change.ts";

const CONFIG = "preallocate";

/** What has just been given it: names of topics, and null for the default of all. */
export function* preallocated(
  { created, configured, brokerConfigured }: Pick<
    CatalogueChange,
    "created" | "configured" | "brokerConfigured"
  >,
  catalogue: Catalogue,
): Generator<string | null> {
  if (brokerConfigured && catalogue.topicDefaults()[CONFIG]) yield null;
  for (const topic of new Set([...created, ...configured])) {
    const isOwn = topic.configs.has(CONFIG) && catalogue.topicConfig(topic)[CONFIG];
    if (isOwn) yield topic.name;
  }
}

/** At a change, and at a start for the configuration. */
export function tellPreallocated(whose: Iterable<string | null>): void {
  for (const topic of whose) {
    const details = topic === null ? { config: "log.preallocate" } : { config: CONFIG, topic };
    logger("storage").clientEvent("config_without_effect", details);
  }
}
