/** Proves that a list is not asked for again while nothing has changed, and is as soon as anything has. */
import { assertEquals } from "@std/assert";
import net from "node:net";
import { Admin } from "../client/admin.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import { API_PATH, type TopicRow } from "./api.ts";
import { type KnownTopic, KnownTopics } from "./known_topics.ts";

const named = (name: string): KnownTopic => ({ name, isInternal: false, partitions: 1 });

Deno.test("it is asked once for each user and version, and what changes while it is asked is asked again", async () => {
  let version = 1, asked = 0;
  const known = new KnownTopics(() => version);
  const at = (principal: string, peer = "127.0.0.1") => ({ principal, peer });
  const of = (user: string, name: string) =>
    known.of(at(user), () => {
      asked++;
      return Promise.resolve([named(name)]);
    });
  const first = await of("a", "x");
  first.retentions.set("x", null);
  assertEquals([await of("a", "y"), asked], [first, 1]);
  assertEquals([(await of("b", "z")).topics, asked], [[named("z")], 2]); // another may see others
  const elsewhere = await known.of(at("b", "10.0.0.1"), () => Promise.resolve([]));
  assertEquals(elsewhere.topics, []); // so may the same user at another address
  version++;
  const second = await of("a", "y");
  assertEquals([second.topics, second.retentions.size, asked], [[named("y")], 0, 3]);
  version++;
  await known.of(at("a"), () => {
    version++; // it came in between
    return Promise.resolve([named("old")]);
  });
  assertEquals((await of("a", "new")).topics, [named("new")]);
  for (let i = 0; i < 20; i++) await of(`user ${i}`, "x");
  const before = asked;
  await of("a", "x"); // so many users are kept
  assertEquals(asked, before + 1);
});

Deno.test("a topic that is made, grown, configured or deleted, and an ACL, are seen at the next look", async () => {
  await using console = await ConsoleBroker.start({
    authorization: { mode: "on", allowEveryoneIfNoAclFound: true, superUsers: ["User:ANONYMOUS"] },
    http: { authentication: "basic", username: "viewer", password: "x" },
  });
  console.headers = { authorization: `Basic ${btoa("viewer:x")}` };
  const admin = new Admin(console.cluster);
  const rows = async () =>
    (await console.get("topics")).items.map((one: TopicRow) => [
      one.name,
      one.partitions,
      one.retentionMs,
    ]);
  assertEquals(await rows(), []);
  await admin.createTopics([{ name: "t", configs: { "retention.ms": "1000" } }, { name: "u" }]);
  await admin.deleteTopics(["u"]);
  assertEquals(await rows(), [["t", 1, 1000]]);
  await admin.createPartitions("t", 3);
  await admin.alterConfigs({ type: "topic", name: "t" }, { "retention.ms": "2000" });
  assertEquals(await rows(), [["t", 3, 2000]]);
  await admin.createAcls([{
    resource: "topic",
    name: "t",
    principal: "User:viewer",
    operation: "describe",
    permission: "deny",
  }]);
  assertEquals(await rows(), []);
  await admin.deleteTopics(["t"]);
});

Deno.test("a user who may not see a topic from another address is not shown it there", async () => {
  await using console = await ConsoleBroker.start({
    authorization: { mode: "on", allowEveryoneIfNoAclFound: true, superUsers: ["User:ANONYMOUS"] },
    http: { authentication: "basic", username: "viewer", password: "x" },
  });
  const admin = new Admin(console.cluster);
  await admin.createTopics([{ name: "t" }]);
  const acl = {
    resource: "topic",
    name: "t",
    principal: "User:viewer",
    operation: "describe",
  } as const;
  await admin.createAcls([acl, { ...acl, host: "127.0.0.2", permission: "deny" }]);
  for (const _ of ["asked", "remembered"]) {
    for (const [address, total] of [["127.0.0.1", 1], ["127.0.0.2", 0]] as const) {
      assertEquals([address, (await topicsFrom(address, console)).total], [address, total]);
    }
  }
});

async function topicsFrom(
  localAddress: string,
  { broker }: ConsoleBroker,
): Promise<{ readonly total: number }> {
  const [host, port] = broker.httpAddress!.split(":");
  const socket = net.connect({ host, port: Number(port), localAddress });
  const header = ["Host: localhost", `Authorization: Basic ${btoa("viewer:x")}`, "", ""];
  socket.write([`GET ${API_PATH}/topics HTTP/1.1`, ...header].join("\r\n"));
  let text = "";
  for await (const part of socket) text += new TextDecoder().decode(part);
  return JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
}
