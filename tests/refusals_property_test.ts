/**
 * For every API that asks something, in every version: whatever a request holds, when nothing is allowed the answer can be
 * sent. The seed is in every failure.
 */
import { assert } from "@std/assert";
import { topicConfigDefaults } from "../src/config/topic_configs.ts";
import { CLOSE, NO_REPLY, type RequestContext } from "../src/handlers/handler.ts";
import { allGuards } from "../src/handlers/guards/mod.ts";
import { encodeResponse } from "../src/protocol/frame.ts";
import { layoutOf } from "../src/protocol/layout.ts";
import { defaultOf, type Message } from "../src/protocol/schema.ts";
import { Access } from "../src/security/acl/access.ts";
import { Authorizer } from "../src/security/acl/authorizer.ts";
import { Catalogue } from "../src/topics/catalogue.ts";
import { Random, seedOfThisRun } from "./random.ts";
import { randomMessage } from "./random_message.ts";

const SAMPLES = 20;

Deno.test("where nothing is allowed every request of every version gets an answer that can be sent", async () => {
  const seed = seedOfThisRun(), random = new Random(seed);
  const nothing = new Authorizer({ superUsers: [], allowEveryoneIfNoAclFound: false });
  const catalogue = new Catalogue({ nodeId: 0, topicDefaults: topicConfigDefaults() });
  let sent = 0;
  for (const { api, around } of allGuards(catalogue)) {
    if (around === null) continue;
    for (let apiVersion = api.min; apiVersion <= api.max; apiVersion++) {
      for (let i = 0; i < SAMPLES; i++) {
        const { decoded: request } = randomMessage(api.request, apiVersion, random);
        const rest = emptyAnswer(api.response, apiVersion);
        const access = new Access(nothing, { principal: "User:a", peer: "127.0.0.1" });
        const context = { apiVersion, access, clientId: null } as unknown as RequestContext;
        try {
          const answer = await around(request, context, () => rest);
          if (answer === CLOSE || answer === NO_REPLY) continue;
          assert(encodeResponse(api, apiVersion, 1, answer).length > 0);
          sent++;
        } catch (error) {
          const { message } = error as Error;
          throw new Error(`RUNNEL_SEED=${seed} ${api.name} v${apiVersion}: ${message}`, {
            cause: error,
          });
        }
      }
    }
  }
  assert(sent > 1000, `${sent} answers`);
});

/** What a handler answers of nothing. */
function emptyAnswer({ fields, flexibleFrom }: Message, version: number): Record<string, unknown> {
  const at = { version, flexible: version >= flexibleFrom };
  return Object.fromEntries(
    layoutOf(fields, at).all.map(({ name, spec }) => [name, defaultOf(spec)]),
  );
}
