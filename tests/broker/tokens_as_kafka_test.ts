/**
 * What is answered of delegation tokens is what Apache Kafka 4.4.0 answers: to everybody who asks, of every version
 * (tests/transcripts/tokens/), with a secret key and without. Where Runnel differs on purpose, what it answers stands here.
 */
import { assertEquals } from "@std/assert";
import type { SaslOptions } from "../../src/client/sasl.ts";
import answers from "../transcripts/tokens/answers.json" with { type: "json" };
import withoutKey from "../transcripts/tokens/answers_without_key.json" with { type: "json" };
import { type Answers, playAll, prepare, SECRET_KEY } from "../transcripts/tokens/player.ts";
import { type Step, STEPS, WITHOUT_KEY } from "../transcripts/tokens/steps.ts";
import { TestBroker } from "./harness.ts";

const DIFFERENCES: Answers = {
  // Kafka finds no principal without a type (-1).
  "a name without a type": created(65, "", "eve", "eve"),
  // Kafka makes both, and who logs in with them is User:eve and User:g.
  "an empty type with a name": created(67, "", "eve", "admin"),
  "a group by a super user": created(67, "Group", "g", "admin"),
  // Kafka lets in who has one that expired and is not removed yet, for an hour at most.
  "a log-in with one that has expired":
    "SASL_AUTHENTICATION_FAILED (58). Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256",
};

/** A token that is refused. */
function created(errorCode: number, principalType: string, principalName: string, by: string) {
  return {
    errorCode,
    principalType,
    principalName,
    tokenRequesterPrincipalType: "User",
    tokenRequesterPrincipalName: by,
    issueTimestampMs: -1,
    expiryTimestampMs: -1,
    maxTimestampMs: -1,
    tokenId: "",
    hmac: "",
    throttleTimeMs: 0,
  };
}

async function played(steps: readonly Step[], secretKey: string): Promise<Answers> {
  await using broker = await TestBroker.start({
    listeners: [
      { name: "LOGIN", protocol: "SASL_PLAINTEXT", port: 0 },
      { name: "OPEN", protocol: "PLAINTEXT", port: 0 },
    ],
    auth: {
      plainUsername: "admin",
      plainPassword: "pw",
      mechanism: ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
      failureDelayMs: 0,
    },
    authorization: { mode: "on" },
    delegationToken: { secretKey },
  });
  const subject = {
    open: () => broker.connect({ port: broker.portOf("OPEN") }),
    logIn: (sasl: SaslOptions) => broker.connect({ port: broker.portOf("LOGIN"), sasl }),
    admin: { mechanism: "PLAIN", username: "admin", password: "pw" } as const,
    settleMs: 0,
  };
  await prepare(subject);
  return await playAll(subject, steps);
}

function compare(ours: Answers, theirs: Answers): void {
  assertEquals(Object.keys(ours), Object.keys(theirs), "record the answers anew");
  for (const [name, answer] of Object.entries(theirs)) {
    const due = name in DIFFERENCES ? DIFFERENCES[name] : answer;
    assertEquals(ours[name], due, name);
  }
}

Deno.test("delegation tokens are made, described, renewed and ended as by Kafka", async () => {
  compare(await played(STEPS, SECRET_KEY), answers);
  for (const name of Object.keys(DIFFERENCES)) {
    assertEquals(name in answers, true, `${name} is no step`);
  }
});

Deno.test("without a secret key there are no delegation tokens, as in Kafka", async () => {
  compare(await played(WITHOUT_KEY, ""), withoutKey);
});
