/**
 * The catalogue as consumer groups see it: topics with their ids and partition counts.
 */
import type { Uuid } from "../bytes/uuid.ts";
import type { TopicFacts, TopicView } from "../groups/consumer_topics.ts";
import type { Topic } from "../topics/catalogue.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";

export function groupTopics(metadata: MetadataStore): TopicView {
  const { catalogue } = metadata;
  let changes = 0;
  metadata.watch(({ created, grown, deleted }) => {
    if (created.size > 0 || grown.size > 0 || deleted.length > 0) changes++;
  });
  return {
    get state() {
      return changes;
    },
    byName: (name) => factsOf(catalogue.topic(name)),
    byId: (id: Uuid) => factsOf(catalogue.topicById(id)),
    *names() {
      for (const { name } of catalogue.topics()) yield name;
    },
  };
}

function factsOf(topic: Topic | undefined): TopicFacts | undefined {
  return topic && { id: topic.id, name: topic.name, partitionCount: topic.partitions.length };
}
