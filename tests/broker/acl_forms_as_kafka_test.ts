/**
 * What users may do is what Apache Kafka 4.4.0 lets them do in whichever form a request asks for it: the answers that it
 * gave to users with every right, none, and each missing (tests/transcripts/acl_forms/) are compared with this broker's.
 */
import { assertEquals } from "@std/assert";
import { Asker } from "../transcripts/acls/asker.ts";
import { playAll } from "../transcripts/acl_forms/player.ts";
import answers from "../transcripts/acl_forms/answers.json" with { type: "json" };
import { asUsers } from "../../src/testing/as_users.ts";
import { TestBroker } from "./harness.ts";

Deno.test("users are answered as Kafka answers them when topics are named by id, twice, in two ways or in none", async () => {
  await using broker = await TestBroker.start({
    autoCreateTopics: true,
    authorization: { mode: "on", superUsers: ["User:admin"] },
  }, { around: asUsers });
  const address = `127.0.0.1:${broker.port}`;
  const admin = await Asker.open(address, "admin");
  try {
    const ours = await playAll(admin, (user) => Asker.open(address, user));
    for (const [question, byUser] of Object.entries(answers)) {
      for (const [who, answer] of Object.entries(byUser)) {
        assertEquals(ours[question][who], answer, `${question}, ${who}`);
      }
    }
    assertEquals(Object.keys(ours).length, Object.keys(answers).length);
  } finally {
    admin.close();
  }
});
