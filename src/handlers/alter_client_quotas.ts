/**
 * AlterClientQuotas 0–1: sets and removes quotas of users, client ids and addresses; with validateOnly says whether it
 * could.
 *
 * Each entity is altered whole or not at all; what is wrong, or named twice, is 42. Addresses must be IP addresses:
 * names are not looked up, as Kafka looks them up. What is set is in force when it is answered.
 */
import { AlterClientQuotas } from "../protocol/messages/alter_client_quotas.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { planAlterClientQuotas } from "../topics/plan_alter_client_quotas.ts";
import { type Handler, handler } from "./handler.ts";
import { orNotWritten } from "./not_written.ts";

export function alterClientQuotas({ metadata }: { readonly metadata: MetadataStore }): Handler {
  return handler(AlterClientQuotas, { min: 0, max: 1 }, async ({ entries, validateOnly }) => ({
    entries: await orNotWritten(
      metadata.transact(function* (catalogue) {
        const { records, result } = yield* planAlterClientQuotas(catalogue, entries);
        return { records: validateOnly ? [] : records, result };
      }),
      (outcome) => entries.map(({ entity }) => ({ entity, ...outcome })),
    ),
  }));
}
