/**
 * Delegation tokens over a metadata log in memory and through the codec: what is kept, what happens when it cannot be, and
 * numbers and amounts that nobody expects. What Kafka answers is compared in tests/broker/tokens_as_kafka_test.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { Turn } from "../background/turn.ts";
import { defaultConfig } from "../config/options.ts";
import { CreateDelegationToken } from "../protocol/messages/create_delegation_token.ts";
import { DescribeDelegationToken } from "../protocol/messages/describe_delegation_token.ts";
import { ExpireDelegationToken } from "../protocol/messages/expire_delegation_token.ts";
import { RenewDelegationToken } from "../protocol/messages/renew_delegation_token.ts";
import { DelegationTokens } from "../security/tokens/delegation_tokens.ts";
import { ask } from "../testing/admin.ts";
import { Fixture } from "../testing/topics.ts";
import { hasExpired, planRemoveExpiredTokens } from "../topics/plan_delegation_tokens.ts";
import { createDelegationToken } from "./create_delegation_token.ts";
import { describeDelegationToken } from "./describe_delegation_token.ts";
import { expireDelegationToken } from "./expire_delegation_token.ts";
import type { Handler } from "./handler.ts";
import { LongAnswers } from "./long_answers.ts";
import { renewDelegationToken } from "./renew_delegation_token.ts";

/** Asks as alice, who has logged in. */
function asAlice(handler: Handler): Handler {
  return {
    ...handler,
    handle: (request, { connection, ...context }) =>
      handler.handle(request, {
        ...context,
        connection: { ...connection, principal: "User:alice" },
      }),
  };
}

const DAY_MS = 86_400_000;

async function start({ maxAnswerBytes = 1 << 20 } = {}) {
  const fixture = await Fixture.start();
  const services = () => {
    const { metadata, catalogue, clock } = fixture;
    const tokens = new DelegationTokens("a secret key", {
      get version() {
        return metadata.version;
      },
      all: () => catalogue.kept("DelegationTokenRecord"),
    });
    return { metadata, tokens, clock, turn: new Turn(), settings: defaultConfig().delegationToken };
  };
  const answers = new LongAnswers({ turn: new Turn(), maxBytes: maxAnswerBytes });
  const create = (request = {}) =>
    ask(
      asAlice(createDelegationToken(services())),
      CreateDelegationToken,
      3,
      { renewers: [], maxLifetimeMs: -1, ...request },
    );
  const describe = () =>
    ask(
      asAlice(describeDelegationToken(services(), answers)),
      DescribeDelegationToken,
      3,
      { owners: null },
    );
  const renew = (hmac: Uint8Array, renewPeriodMs: number) =>
    ask(
      asAlice(renewDelegationToken(services())),
      RenewDelegationToken,
      2,
      { hmac, renewPeriodMs },
    );
  const expire = (hmac: Uint8Array, expiryTimePeriodMs: number) =>
    ask(
      asAlice(expireDelegationToken(services())),
      ExpireDelegationToken,
      2,
      { hmac, expiryTimePeriodMs },
    );
  return { fixture, create, describe, renew, expire };
}

Deno.test("what is kept of a token is what Kafka keeps, over a crash, and no password", async () => {
  const { fixture, create, describe } = await start();
  const renewers = [{ principalType: "User", principalName: "bob" }];
  const made = await create({ renewers, maxLifetimeMs: 1000 });
  assertEquals(made.errorCode, 0);
  await fixture.crash();
  await fixture.metadata.start({
    endpoint: { name: "PLAINTEXT", host: "127.0.0.1", port: 1 },
    wasClean: false,
  });
  const nowMs = fixture.clock.nowMs(), [kept] = fixture.catalogue.kept("DelegationTokenRecord");
  assertEquals({ ...kept }, {
    owner: "User:alice",
    requester: "User:alice",
    renewers: ["User:bob"],
    issueTimestamp: nowMs,
    maxTimestamp: nowMs + 1000,
    expirationTimestamp: nowMs + 1000,
    tokenId: made.tokenId,
  });
  const { tokens: [token] } = await describe();
  assertEquals(Buffer.from(token.hmac).equals(made.hmac), true);
});

Deno.test("a token that could not be kept is nobody's: its password is not given out", async () => {
  const { fixture, create, describe } = await start();
  fixture.log.failNextSync = true;
  let refused: { errorCode: number; hmac: Uint8Array } | null = null;
  try {
    refused = await create();
  } catch {
    // A device that is gone ends the process.
  }
  if (refused !== null) assertEquals([refused.errorCode, refused.hmac.length], [56, 0]);
  assertEquals((await describe()).tokens, []);
  assertEquals((await create()).errorCode, 56);
});

Deno.test("periods at the end of an int64 are as long as may be, and no token is longer", async () => {
  const { fixture, create, renew, expire } = await start();
  for (const long of [2 ** 53 - 1, 2 ** 52]) {
    const { hmac, maxTimestampMs, expiryTimestampMs } = await create({ maxLifetimeMs: long });
    assertEquals(maxTimestampMs, fixture.clock.nowMs() + 7 * DAY_MS);
    assertEquals(expiryTimestampMs, fixture.clock.nowMs() + DAY_MS);
    assertEquals((await expire(hmac, long)).expiryTimestampMs, maxTimestampMs);
    assertEquals((await renew(hmac, long)).expiryTimestampMs, expiryTimestampMs);
    assertEquals((await renew(hmac, -long)).expiryTimestampMs, expiryTimestampMs);
    assertEquals((await expire(hmac, -long)).errorCode, 0);
    assertEquals((await renew(hmac, long)).errorCode, 62);
  }
});

Deno.test("a directory of a Kafka before 3.6 has no records of tokens, and gets none", async () => {
  const { fixture, create } = await start();
  const record = { name: "metadata.version", featureLevel: 13 };
  await fixture.metadata.transact(() => ({
    records: [{ kind: "FeatureLevelRecord", version: 0, value: record }],
    result: null,
  }));
  assertEquals((await create()).errorCode, 35);
  assertEquals([...fixture.catalogue.kept("DelegationTokenRecord")], []);
});

Deno.test("more tokens than an answer may hold are refused as a whole", async () => {
  const { create, describe } = await start({ maxAnswerBytes: 1000 });
  for (let i = 0; i < 3; i++) await create();
  assertEquals((await describe()).tokens.length, 3);
  for (let i = 0; i < 20; i++) await create();
  assertEquals(await describe(), { errorCode: 42, tokens: [], throttleTimeMs: 0 });
});

Deno.test("expired tokens are removed, so many at a time, and no other", async () => {
  const { fixture, create } = await start();
  for (let i = 0; i < 5; i++) await create({ maxLifetimeMs: 1000 });
  const stays = await create();
  const remove = () =>
    fixture.metadata.transact((catalogue) =>
      planRemoveExpiredTokens(catalogue, { nowMs: fixture.clock.nowMs(), most: 3 })
    );
  fixture.clock.advance(1000);
  assertEquals(await remove(), 0); // good to the last millisecond
  fixture.clock.advance(1);
  assertEquals([await remove(), await remove(), await remove()], [3, 2, 0]);
  const left = [...fixture.catalogue.kept("DelegationTokenRecord")];
  assertEquals(left.map(({ tokenId }) => tokenId), [stays.tokenId]);
  assert(!hasExpired(left[0], fixture.clock.nowMs()));
});
