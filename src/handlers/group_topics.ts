/**
 * The catalogue as consumer groups see it: topics with their ids and partition counts, and what patterns come to in them.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { type Background, OverlongError } from "../background/background.ts";
import type { Verdict } from "../groups/consumer/consumer_regex.ts";
import type { TopicFacts, TopicView } from "../groups/consumer/consumer_topics.ts";
import { Patterns } from "../groups/consumer/patterns.ts";
import type { Topic } from "../topics/catalogue.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";

/** Patterns that cost more than a moment are matched on `matching`. */
export function groupTopics(
  metadata: MetadataStore,
  matching: Background,
): TopicView & { readonly patterns: Patterns } {
  const { catalogue } = metadata;
  let changes = 0;
  metadata.watch(({ created, grown, deleted }) => {
    if (created.size > 0 || grown.size > 0 || deleted.length > 0) changes++;
  });
  const view = {
    get state() {
      return changes;
    },
    *names() {
      for (const { name } of catalogue.topics()) yield name;
    },
  };
  const matchLater = (pattern: string, names: readonly string[]) =>
    matching.run("matchNames", () => [pattern, names, limitOf(matching)]).catch(
      (error): Verdict => {
        if (!(error instanceof OverlongError)) throw error;
        return { fault: `matching it with ${names.length} names takes too long` };
      },
    );
  return {
    get state() {
      return view.state;
    },
    names: view.names,
    patterns: new Patterns({ topics: view, matchLater }),
    byName: (name) => factsOf(catalogue.topic(name)),
    byId: (id: Uuid) => factsOf(catalogue.topicById(id)),
  };
}

/** Where it is done in place it stops everybody. */
function limitOf({ isInPlace }: Background): number {
  return isInPlace ? 200 : 2000;
}

function factsOf(topic: Topic | undefined): TopicFacts | undefined {
  return topic && { id: topic.id, name: topic.name, partitionCount: topic.partitions.length };
}
