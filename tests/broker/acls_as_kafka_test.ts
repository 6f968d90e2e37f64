/**
 * What users may do is what Apache Kafka 4.4.0 lets them do, code by code: the answers that it gave to users with every
 * right, none, and each missing (tests/transcripts/acls/) are compared with this broker's.
 */
import { assertEquals } from "@std/assert";
import { Asker } from "../transcripts/acls/asker.ts";
import { playAll } from "../transcripts/acls/player.ts";
import answers from "../transcripts/acls/answers.json" with { type: "json" };
import { asUsers } from "../../src/testing/as_users.ts";
import { TestBroker } from "./harness.ts";

Deno.test("users are answered as Kafka answers them, with every right, none, and each missing", async () => {
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
