/**
 * Ways around ACLs that strangers tried: what a request names twice, in two ways, or before it is there, asks the same
 * rights as what it names once.
 */
import { assertEquals } from "@std/assert";
import { ZERO_UUID } from "../../src/bytes/uuid.ts";
import { CreateAcls } from "../../src/protocol/messages/create_acls.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import type { Api } from "../../src/protocol/schema.ts";
import { asUsers } from "../../src/testing/as_users.ts";
import { Asker } from "../transcripts/acls/asker.ts";
import { TestBroker, withDirectory } from "./harness.ts";

const ON = { authorization: { mode: "on", superUsers: ["User:admin"] } } as const;
const WRITE = 4, DELETE = 6, DESCRIBE = 8, TOPIC = 2;

/** An administrator, and mallory, who may do nothing yet. */
async function people(settings: { readonly path?: string } = {}) {
  const broker = await TestBroker.start({ ...ON, ...settings }, { around: asUsers });
  const address = `127.0.0.1:${broker.port}`;
  const admin = await Asker.open(address, "admin"), mallory = await Asker.open(address, "mallory");
  return {
    broker,
    admin,
    mallory,
    async [Symbol.asyncDispose]() {
      admin.close();
      mallory.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

async function allow(admin: Asker, operation: number, name: string, resourcePatternType = 3) {
  const { results } = await admin.ask(CreateAcls as unknown as Api, 3, {
    creations: [{
      resourceType: TOPIC,
      resourceName: name,
      resourcePatternType,
      principal: "User:mallory",
      host: "*",
      operation,
      permissionType: 3,
    }],
  });
  assertEquals(results[0].errorCode, 0);
}

async function create(admin: Asker, name: string): Promise<string> {
  const { topics: [topic] } = await admin.ask(CreateTopics as unknown as Api, 7, {
    topics: [{ name, numPartitions: 1, replicationFactor: 1 }],
  });
  assertEquals(topic.errorCode, 0);
  return topic.topicId;
}

async function namesThere(admin: Asker): Promise<string[]> {
  const { topics } = await admin.ask(Metadata as unknown as Api, 12, { topics: null });
  return topics.map(({ name }: { name: string }) => name);
}

Deno.test("a topic that is named by its id beside a name that looks like none is not deleted without the right to it", async () => {
  await using world = await people();
  const { admin, mallory } = world, topicId = await create(admin, "orders");
  const asked = [{ name: null, topicId }, { name: "null", topicId }];
  const { responses } = await mallory.ask(DeleteTopics as unknown as Api, 6, { topics: asked });
  assertEquals(await namesThere(admin), ["orders"]);
  assertEquals(
    responses.map((one: { errorCode: number }) => one.errorCode).sort(),
    [29, 42],
  );
  // Who may see it, but no more, learns its name and nothing else.
  await allow(admin, DESCRIBE, "orders");
  await mallory.ask(DeleteTopics as unknown as Api, 6, { topics: asked });
  assertEquals(await namesThere(admin), ["orders"]);
});

Deno.test("a topic called null asks the right to be deleted as any other", async () => {
  await using world = await people();
  const { admin, mallory } = world;
  await create(admin, "null");
  await mallory.ask(DeleteTopics as unknown as Api, 6, {
    topics: [{ name: "null", topicId: ZERO_UUID }, { name: null, topicId: ZERO_UUID }],
  });
  assertEquals(await namesThere(admin), ["null"]);
});

Deno.test("a topic that comes about while its deletion is asked for is not deleted without the right to it", async () => {
  await withDirectory(async (path) => {
    await using world = await people({ path });
    const { admin, mallory } = world;
    await allow(admin, WRITE, "t", 4); // implies DESCRIBE
    for (let round = 0; round < 20; round++) {
      const name = `t-${round}`, made = create(admin, name);
      const { responses } = await mallory.ask(DeleteTopics as unknown as Api, 6, {
        topics: [{ name, topicId: ZERO_UUID }],
      });
      await made;
      const { errorCode } = responses[0];
      assertEquals((await namesThere(admin)).includes(name), true, `${name} is gone: ${errorCode}`);
      assertEquals([3, 29].includes(errorCode), true, `${errorCode}`);
    }
  });
});

Deno.test("who may delete by name may delete what comes about meanwhile, and is told what there is not", async () => {
  await using world = await people();
  const { admin, mallory } = world;
  for (const operation of [DESCRIBE, DELETE]) await allow(admin, operation, "t");
  const { responses } = await mallory.ask(DeleteTopics as unknown as Api, 5, { topicNames: ["t"] });
  assertEquals(responses.map((one: { errorCode: number }) => one.errorCode), [3]);
});

Deno.test("who asks for no coordinator has no topic made for it", async () => {
  await using world = await people();
  const { admin, mallory } = world;
  for (const keyType of [0, 1]) {
    const request = { keyType, coordinatorKeys: [] };
    const answer = await mallory.ask(FindCoordinator as unknown as Api, 4, request);
    assertEquals(answer.coordinators, []);
  }
  assertEquals(await namesThere(admin), []);
});
