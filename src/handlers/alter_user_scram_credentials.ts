/**
 * AlterUserScramCredentials 0: sets and removes SCRAM credentials of users (KIP-554).
 *
 * A user named twice is 92, a credential that is not there 91, an unknown mechanism 33; fewer than 4,096 iterations,
 * more than 16,384, or a salted password of the wrong length 93. Users log in with them by SCRAM.
 */
import { AlterUserScramCredentials } from "../protocol/messages/alter_user_scram_credentials.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { planAlterScram } from "../topics/plan_alter_scram.ts";
import { type Handler, handler } from "./handler.ts";
import { orNotWritten } from "./not_written.ts";

export function alterUserScramCredentials(
  { metadata }: { readonly metadata: MetadataStore },
): Handler {
  return handler(AlterUserScramCredentials, { min: 0, max: 0 }, async (request) => {
    const { deletions } = request;
    // The plan runs when those before it are done, and a request's bytes last until the first await.
    const upsertions = request.upsertions.map((upsertion) => ({
      ...upsertion,
      salt: upsertion.salt.slice(),
      saltedPassword: upsertion.saltedPassword.slice(),
    }));
    const users = new Set([...deletions, ...upsertions].map(({ name }) => name));
    const results = await orNotWritten(
      metadata.transact((catalogue) => planAlterScram(catalogue, { deletions, upsertions })),
      (outcome) => [...users].map((user) => ({ user, ...outcome })),
    );
    return { results };
  });
}
