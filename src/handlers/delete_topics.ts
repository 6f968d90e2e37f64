/**
 * DeleteTopics 1–6: deletes topics by name, or by id.
 *
 * A topic is gone when the reply leaves: long polls on it have ended, and its files follow after
 * file.delete.delay.ms, though their folders cannot be marked at once. Where the deletion cannot be written down it is 56,
 * and the topic stays. Naming a topic twice, or by name and id in one entry, is 42 and deletes nothing.
 *
 * Who has a quota of changes and has used it up gets 89 from version 5 on; before, it is deleted, and waited for (KIP-599).
 *
 * Versions: 5 error messages · 6 names or ids in one list.
 */
import { ZERO_UUID } from "../bytes/uuid.ts";
import { DeleteTopics } from "../protocol/messages/delete_topics.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { planDeleteTopics } from "../topics/plan_delete_topics.ts";
import { changesBy } from "./change_quota.ts";
import { type Handler, handler } from "./handler.ts";
import { orNotWritten } from "./not_written.ts";

export function deleteTopics({ metadata }: { readonly metadata: MetadataStore }): Handler {
  return handler(DeleteTopics, { min: 1, max: 6 }, async (request, context) => {
    const { apiVersion } = context, limits = { mayChange: changesBy(context, 5) };
    const selectors = apiVersion >= 6
      ? request.topics
      : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
    const responses = await orNotWritten(
      metadata.transact((catalogue) => planDeleteTopics(catalogue, selectors, limits)),
      (outcome) => selectors.map((selector) => ({ ...selector, ...outcome })),
    );
    return { responses };
  });
}
