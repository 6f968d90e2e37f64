/**
 * For every API that changes something, in every version: whatever a request and an answer hold, lines can be made of them,
 * each of them JSON and visible, and a refusal can be sent. The seed is in every failure.
 */
import { assert, assertEquals } from "@std/assert";
import { outcomesOf } from "../src/audit/changes/change.ts";
import { CHANGES } from "../src/audit/changes/mod.ts";
import { changeLines } from "../src/audit/lines.ts";
import { encodeResponse } from "../src/protocol/frame.ts";
import { withSeed } from "./random.ts";
import { randomMessage } from "./random_message.ts";

const SAMPLES = 20;
const REFUSAL = { errorCode: 44, errorMessage: "words" };

Deno.test("lines can be made of every request and every answer, and every request can be refused", () => {
  withSeed((random) => {
    for (const one of CHANGES) {
      const { api, spec, action } = one;
      for (let version = api.min; version <= api.max; version++) {
        for (let i = 0; i < SAMPLES; i++) {
          const { decoded: request } = randomMessage(api.request, version, random);
          const { decoded: answer } = randomMessage(api.response, version, random);
          const asked = {
            apiVersion: version,
            clientId: random.oneIn(2) ? "runnel-backup" : null,
            topics: {
              nameOf: (id: string) => random.oneIn(2) ? id : undefined,
              has: () => random.oneIn(2),
              areMadeWhenAskedFor: true,
            },
          };
          const items = [...spec.items(request, asked)];
          for (const given of [answer, null]) {
            const outcomes = [...outcomesOf(one, items, given)];
            const who = { principal: "User:a", address: "::1", port: 1, listener: "A" };
            const by = { ...who, clientId: asked.clientId, api: api.name, apiVersion: version };
            const lines = [...changeLines(0, by, { action, outcomes, access: null })];
            const told = lines.flatMap((line) => {
              assert(/^[\x20-\x7e\u00a0-\uffff]*$/.test(line), line);
              return JSON.parse(`{${line}}`).resources;
            });
            assertEquals(told.length, outcomes.length, `${api.name} v${version}`);
          }
          if (spec.refuse === undefined) continue;
          assert(
            encodeResponse(api, version, 1, spec.refuse(request, REFUSAL, version)).length > 0,
          );
        }
      }
    }
  });
});
