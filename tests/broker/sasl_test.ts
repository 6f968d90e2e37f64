/**
 * Proves log-ins over TCP: who gets in by each mechanism and who does not, what may be asked when, what a failure looks
 * like, how a session is proved again, and that one whose user was taken away ends.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { randomBytes } from "node:crypto";
import type { Connection } from "../../src/client/connection.ts";
import { logIn, type SaslOptions } from "../../src/client/sasl.ts";
import { AlterUserScramCredentials } from "../../src/protocol/messages/alter_user_scram_credentials.ts";
import { ApiVersions } from "../../src/protocol/messages/api_versions.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { SaslAuthenticate } from "../../src/protocol/messages/sasl_authenticate.ts";
import { SaslHandshake } from "../../src/protocol/messages/sasl_handshake.ts";
import { hashOf, newCredential, saltedPassword } from "../../src/security/sasl/scram_credential.ts";
import { writeUser } from "../../src/security/sasl/users_text.ts";
import { Authority } from "../../src/testing/certificates.ts";
import { CertificateFolder } from "./certificate_folder.ts";
import {
  pause,
  type Settings,
  TestBroker,
  utf8,
  type Wire,
  withDirectory,
  within,
} from "./harness.ts";

const NONE = new Uint8Array(0);
const QUICK: Settings["auth"] = { enabled: true, failureDelayMs: 0, maxFailuresPerSecond: 10_000 };
const ADMIN = { ...QUICK, plainUsername: "admin", plainPassword: "of the broker" };
/** One failure of an address, and no other of it is looked at within a minute: however slow the machine is. */
const ONE_FAILURE = 0.01;
const admin: SaslOptions = { mechanism: "PLAIN", username: "admin", password: "of the broker" };

/** A broker with an administrator of PLAIN, and every mechanism of passwords. */
function secured(auth: Settings["auth"] = {}, more: Settings = {}): Promise<TestBroker> {
  const mechanism = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
  return TestBroker.start({ ...more, auth: { ...ADMIN, mechanism, ...auth } });
}

async function addUser(connection: Connection, name: string, password: string): Promise<void> {
  const upsertions = [];
  for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-512"]) {
    const hash = hashOf(mechanism)!, salt = new Uint8Array(randomBytes(16)), iterations = 4096;
    const salted = await saltedPassword(hash, { password: utf8(password), salt, iterations });
    upsertions.push({ name, mechanism: hash.number, iterations, salt, saltedPassword: salted });
    const one = upsertions.splice(0);
    const request = { deletions: [], upsertions: one };
    const { results } = await connection.request(AlterUserScramCredentials, 0, request);
    assertEquals(results[0].errorCode, 0);
  }
}

async function removeUser(connection: Connection, name: string, mechanism: number): Promise<void> {
  const request = { deletions: [{ name, mechanism }], upsertions: [] };
  const { results } = await connection.request(AlterUserScramCredentials, 0, request);
  assertEquals(results[0].errorCode, 0);
}

async function topicsOf(connection: Connection): Promise<number> {
  return (await connection.request(Metadata, 12, { topics: [] })).errorCode;
}

/** Handshake and one token; the answer to it. */
async function tell(wire: Wire, mechanism: string, token: Uint8Array) {
  await wire.send(SaslHandshake, 1, { mechanism });
  assertEquals((await wire.answer(SaslHandshake, 1)).errorCode, 0);
  await wire.send(SaslAuthenticate, 2, { authBytes: token });
  return await wire.answer(SaslAuthenticate, 2);
}

Deno.test("a user gets in by PLAIN and by each SCRAM, and then everything is answered", async () => {
  await using broker = await secured();
  const first = await broker.connect({ sasl: admin });
  assertEquals(await topicsOf(first), 0);
  await addUser(first, "alice, =the user", "pencil ä");
  for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-512"] as const) {
    const sasl = { mechanism, username: "alice, =the user", password: "pencil ä" };
    assertEquals(await topicsOf(await broker.connect({ sasl })), 0);
  }
  // A user of SCRAM is none of PLAIN, as in Kafka.
  const plain = { mechanism: "PLAIN", username: "alice, =the user", password: "pencil ä" } as const;
  await assertRejects(() => broker.connect({ sasl: plain }), Error, "Invalid username or password");
});

Deno.test("credentials of the cluster are there after a restart", async () => {
  await withDirectory(async (path) => {
    {
      await using broker = await secured({}, { path });
      await addUser(await broker.connect({ sasl: admin }), "alice", "pencil");
    }
    await using broker = await secured({}, { path });
    const sasl = { mechanism: "SCRAM-SHA-512", username: "alice", password: "pencil" } as const;
    assertEquals(await topicsOf(await broker.connect({ sasl })), 0);
  });
});

Deno.test("what an unknown user and a wrong password are told is one thing, byte for byte", async () => {
  await using broker = await secured();
  await addUser(await broker.connect({ sasl: admin }), "alice", "pencil");
  for (const mechanism of ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const) {
    const told: string[] = [];
    for (const username of ["alice", "nobody", "admin"]) {
      const sasl = { mechanism, username, password: "wrong" };
      const error = await assertRejects(() => broker.connect({ sasl }), Error);
      told.push(error.message);
    }
    assertEquals(new Set(told).size, 1, told.join("\n"));
  }
});

Deno.test("the salt of an unknown user is the same at each attempt and after a restart, and another for each name", async () => {
  await withDirectory(async (path) => {
    const salts: string[] = [];
    const challenge = async (broker: TestBroker, name: string) => {
      const answer = await tell(await broker.wire(), "SCRAM-SHA-256", utf8(`n,,n=${name},r=abc`));
      assertEquals(answer.errorCode, 0);
      const [, nonce, salt, count] = /^r=(.+),s=(.+),i=(\d+)$/.exec(
        new TextDecoder().decode(answer.authBytes),
      )!;
      assert(nonce.startsWith("abc") && nonce.length > 20, nonce);
      assertEquals(count, "8192");
      return salt;
    };
    for (let start = 0; start < 2; start++) {
      await using broker = await secured({}, { path });
      salts.push(await challenge(broker, "nobody"), await challenge(broker, "nobody"));
      assert(await challenge(broker, "somebody") !== salts[0]);
    }
    assertEquals(new Set(salts).size, 1);
  });
});

Deno.test("before a log-in nothing else is answered, and each API has its turn", async () => {
  await using broker = await secured();
  const isClosed = async (send: (wire: Wire) => Promise<unknown>) => {
    const wire = await broker.wire();
    await send(wire);
    let frame = await within(wire.frame(), "an answer or the end");
    while (frame !== null) frame = await within(wire.frame(), "an answer or the end");
  };
  await isClosed((wire) => wire.send(Metadata, 12, { topics: [] }));
  // A token before the handshake.
  await isClosed((wire) =>
    wire.send(SaslAuthenticate, 2, { authBytes: utf8("\0admin\0of the broker") })
  );
  // ApiVersions are told once.
  await isClosed(async (wire) => {
    await wire.send(ApiVersions, 3, { clientSoftwareName: "a", clientSoftwareVersion: "1" });
    assertEquals((await wire.answer(ApiVersions, 3)).errorCode, 0);
    await wire.send(ApiVersions, 3, { clientSoftwareName: "a", clientSoftwareVersion: "1" });
  });
  // Another API in the place of a token.
  await isClosed(async (wire) => {
    await wire.send(SaslHandshake, 1, { mechanism: "PLAIN" });
    assertEquals((await wire.answer(SaslHandshake, 1)).errorCode, 0);
    await wire.send(ApiVersions, 3, { clientSoftwareName: "a", clientSoftwareVersion: "1" });
  });
  await broker.serves();
});

Deno.test("what is sent behind the last token at once is answered when that has been", async () => {
  await using broker = await secured();
  const wire = await broker.wire();
  await wire.send(SaslHandshake, 1, { mechanism: "PLAIN" });
  await wire.send(SaslAuthenticate, 2, { authBytes: utf8("\0admin\0of the broker") });
  await wire.send(Metadata, 12, { topics: [] });
  await wire.answer(SaslHandshake, 1);
  assertEquals((await wire.answer(SaslAuthenticate, 2)).errorCode, 0);
  assertEquals((await wire.answer(Metadata, 12)).errorCode, 0);
});

Deno.test("an unknown mechanism is 33 with those there are, and the connection ends", async () => {
  await using broker = await secured();
  const wire = await broker.wire();
  await wire.send(SaslHandshake, 1, { mechanism: "GSSAPI" });
  const answer = await wire.answer(SaslHandshake, 1);
  assertEquals(answer.errorCode, 33);
  assertEquals(answer.mechanisms, ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]);
  assertEquals(await within(wire.frame(), "the end"), null);
});

Deno.test("malformed tokens of PLAIN are 58, in Kafka's words, and the connection ends", async () => {
  await using broker = await secured();
  const generic =
    "Authentication failed during authentication due to invalid credentials with SASL mechanism PLAIN";
  for (
    const [token, message] of [
      ["", generic],
      ["admin\0of the broker", generic],
      ["\0a\0b\0c", generic],
      ["\0\0of the broker", "Authentication failed: username not specified"],
      ["\0admin\0", "Authentication failed: password not specified"],
      ["\0admin\0wrong", "Authentication failed: Invalid username or password"],
      [
        "root\0admin\0of the broker",
        "Authentication failed: Client requested an authorization id that is different from username",
      ],
    ]
  ) {
    const wire = await broker.wire();
    const answer = await tell(wire, "PLAIN", utf8(token));
    assertEquals([answer.errorCode, answer.errorMessage], [58, message]);
    assertEquals(await within(wire.frame(), "the end"), null);
  }
});

Deno.test("a nonce that the server did not make, or another client's, is 58", async () => {
  await using broker = await secured();
  await addUser(await broker.connect({ sasl: admin }), "alice", "pencil");
  for (const nonce of ["abc", "another"]) {
    const wire = await broker.wire();
    await tell(wire, "SCRAM-SHA-256", utf8("n,,n=alice,r=abc"));
    const authBytes = utf8(`c=biws,r=${nonce},p=AAAA`);
    await wire.send(SaslAuthenticate, 2, { authBytes });
    assertEquals((await wire.answer(SaslAuthenticate, 2)).errorCode, 58);
  }
});

Deno.test("clients of handshake v0 send bare tokens, and get bare answers or the end", async () => {
  await using broker = await secured();
  const bare = (text: string) => {
    const token = utf8(text), frame = new Uint8Array(4 + token.length);
    new DataView(frame.buffer).setInt32(0, token.length);
    frame.set(token, 4);
    return frame;
  };
  const wire = await broker.wire();
  await wire.send(SaslHandshake, 0, { mechanism: "PLAIN" });
  assertEquals((await wire.answer(SaslHandshake, 0)).errorCode, 0);
  await wire.write(bare("\0admin\0of the broker"));
  assertEquals(await wire.frame(), NONE);
  await wire.send(Metadata, 12, { topics: [] });
  assertEquals((await wire.answer(Metadata, 12)).errorCode, 0);
  const other = await broker.wire();
  await other.send(SaslHandshake, 0, { mechanism: "PLAIN" });
  await other.answer(SaslHandshake, 0);
  await other.write(bare("\0admin\0wrong"));
  assertEquals(await within(other.frame(), "the end"), null);
});

Deno.test("the answer to a failure waits as long as it is told to", async () => {
  await using broker = await secured({ failureDelayMs: 300 });
  const began = performance.now();
  assertEquals((await tell(await broker.wire(), "PLAIN", utf8("\0a\0b"))).errorCode, 58);
  assert(performance.now() - began >= 295);
});

Deno.test("an address that fails too often is not looked at any more, and nobody who is in notices", async () => {
  await using broker = await secured({ maxFailuresPerSecond: ONE_FAILURE }, {
    limits: { authenticationTimeoutMs: 2000 },
  });
  const inside = await broker.connect({ sasl: admin });
  assertEquals((await tell(await broker.wire(), "PLAIN", utf8("\0a\0b"))).errorCode, 58);
  const ended = await Promise.all(Array.from({ length: 5 }, async () => {
    const wire = await broker.wire();
    await wire.send(SaslHandshake, 1, { mechanism: "PLAIN" });
    await wire.answer(SaslHandshake, 1);
    await wire.send(SaslAuthenticate, 2, { authBytes: utf8("\0a\0b") });
    return await within(wire.frame(), "an answer or the end") === null;
  }));
  assertEquals(ended, [true, true, true, true, true]);
  assertEquals(await topicsOf(inside), 0);
});

Deno.test("who is in proves itself again whatever others at its address got wrong", async () => {
  await using broker = await secured({ maxReauthMs: 60_000, maxFailuresPerSecond: ONE_FAILURE }, {
    limits: { authenticationTimeoutMs: 1200 },
  });
  const inside = await broker.connect({ sasl: admin });
  const guess = { ...admin, password: "guess" } as SaslOptions;
  const guesses = Array.from({ length: 40 }, () => broker.connect({ sasl: guess }));
  for (const { status } of await Promise.allSettled(guesses)) assertEquals(status, "rejected");
  await assertRejects(() => broker.connect({ sasl: admin }), Error); // one of the address that is not in
  assertEquals(await logIn(inside, admin), 60_000);
  assertEquals(await topicsOf(inside), 0);
});

Deno.test("guesses that are under way at once are no more than those that follow each other", async () => {
  await using broker = await secured({ maxFailuresPerSecond: ONE_FAILURE }, {
    limits: { authenticationTimeoutMs: 1500 },
  });
  const looked = await Promise.all(Array.from({ length: 60 }, async () => {
    const wire = await broker.wire();
    await wire.send(SaslHandshake, 1, { mechanism: "PLAIN" });
    await wire.answer(SaslHandshake, 1);
    await wire.send(SaslAuthenticate, 2, { authBytes: utf8("\0admin\0guess") });
    return await within(wire.frame(), "an answer or the end") !== null;
  }));
  assertEquals(looked.filter((one) => one).length, 1);
});

Deno.test("a user guesses another's password no faster over connections that it has opened before", async () => {
  await using broker = await secured({ maxFailuresPerSecond: ONE_FAILURE }, {
    limits: { authenticationTimeoutMs: 1500 },
  });
  const boss = await broker.connect({ sasl: admin });
  await addUser(boss, "alice", "pencil");
  await addUser(boss, "bob", "pen");
  const alice = { mechanism: "SCRAM-SHA-256", username: "alice", password: "pencil" } as const;
  const bob = { mechanism: "SCRAM-SHA-256", username: "bob", password: "pen" } as const;
  const inside = await broker.connect({ sasl: bob });
  const opened = await Promise.all(
    Array.from({ length: 20 }, () => broker.connect({ sasl: alice })),
  );
  const guesses = await Promise.allSettled(
    opened.map((one, i) => logIn(one, { ...bob, password: `guess ${i}` })),
  );
  const looked = guesses.filter((one) =>
    one.status === "rejected" && String(one.reason).includes("invalid credentials")
  );
  assertEquals(looked.length, 1, "of twenty guesses at once");
  await logIn(inside, bob); // of the same address, and nothing that alice does is its fault
});

Deno.test("a session ends when it was not proved again in time, and goes on when it was", async () => {
  // More than a second is left each time, for a machine that does other things as well.
  await using broker = await secured({ maxReauthMs: 3000 });
  const idle = await broker.connect({ sasl: admin }), again = await broker.connect();
  assertEquals(await logIn(again, admin), 3000);
  await pause(1600);
  assertEquals(await logIn(again, admin), 3000);
  await pause(1600);
  assertEquals(await topicsOf(again), 0);
  await assertRejects(() => topicsOf(idle), Error, "closed");
  assertEquals(idle.isStale, true);
});

Deno.test("a fetch waits no longer than its session lasts", async () => {
  await using broker = await secured({ maxReauthMs: 700 });
  const connection = await broker.connect({ sasl: admin });
  const topic = { name: "t", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await connection.request(CreateTopics, 7, { topics: [topic] });
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }];
  const waiting = connection.request(Fetch, 12, {
    maxWaitMs: 2 ** 31 - 1,
    minBytes: 1,
    isolationLevel: 0,
    topics: [{ topic: "t", partitions }],
    forgottenTopicsData: [],
  });
  const { errorCode, responses } = await within(waiting, "the end of the wait");
  assertEquals([errorCode, responses[0].partitions[0].records?.length ?? 0], [0, 0]);
  await assertRejects(() => topicsOf(connection), Error, "closed");
});

Deno.test("who proves itself again stays who it was, and by the same mechanism; twice in a second it may not", async () => {
  await using broker = await secured({ plainPassword: "of the broker" });
  await addUser(await broker.connect({ sasl: admin }), "bob", "pencil");
  await addUser(await broker.connect({ sasl: admin }), "alice", "pencil");
  const log = (
    username: string,
    mechanism: "SCRAM-SHA-256" | "SCRAM-SHA-512" = "SCRAM-SHA-256",
  ) => ({
    mechanism,
    username,
    password: "pencil",
  });
  const other = await broker.connect({ sasl: log("alice") });
  await assertRejects(() => logIn(other, log("bob")), Error, "Cannot change principals");
  const mechanism = await broker.connect({ sasl: log("alice") });
  await assertRejects(() => logIn(mechanism, log("alice", "SCRAM-SHA-512")), Error, "closed");
  const often = await broker.connect({ sasl: log("alice") });
  await logIn(often, log("alice"));
  await assertRejects(() => logIn(often, log("alice")), Error, "ILLEGAL_SASL_STATE");
  assertEquals(await topicsOf(often), 0);
});

Deno.test("a deleted user's connections end within five seconds, those of others stay", async () => {
  await using broker = await secured({}, { limits: { authenticationTimeoutMs: 2000 } });
  const boss = await broker.connect({ sasl: admin });
  await addUser(boss, "alice", "pencil");
  await addUser(boss, "bob", "pencil");
  const sasl = { mechanism: "SCRAM-SHA-256", password: "pencil" } as const;
  const alice = await broker.connect({ sasl: { ...sasl, username: "alice" } });
  const bob = await broker.connect({ sasl: { ...sasl, username: "bob" } });
  await removeUser(boss, "alice", 1);
  await within(
    (async () => {
      while (!alice.isClosed) await pause(20);
    })(),
    "the end of alice's connection",
    15_000,
  );
  assertEquals(await topicsOf(bob), 0);
  await assertRejects(() => broker.connect({ sasl: { ...sasl, username: "alice" } }), Error, "58");
});

Deno.test("users of the file get in by PLAIN and by SCRAM, also those who came into it later", async () => {
  await withDirectory(async (path) => {
    const usersFile = `${path}/users`;
    const lines = async (name: string) => {
      const texts = [];
      for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-512"]) {
        const credential = await newCredential(hashOf(mechanism)!, "pencil");
        texts.push(writeUser({ name, mechanism, credential }));
      }
      return texts.join("\n") + "\n";
    };
    const first = await lines("alice");
    await Deno.writeTextFile(usersFile, first, { mode: 0o600 });
    await using broker = await secured({ usersFile });
    const logsIn = async (username: string, mechanism: SaslOptions["mechanism"]) => {
      const sasl = { mechanism, username, password: "pencil" } as SaslOptions;
      return await topicsOf(await broker.connect({ sasl }));
    };
    assertEquals(await logsIn("alice", "PLAIN"), 0);
    assertEquals(await logsIn("alice", "SCRAM-SHA-512"), 0);
    await assertRejects(() => logsIn("bob", "PLAIN"), Error, "58");
    await Deno.writeTextFile(usersFile, first + await lines("bob"));
    await pause(1100);
    assertEquals(await logsIn("bob", "PLAIN"), 0);
    // A file that is broken leaves those who were in it.
    await Deno.writeTextFile(usersFile, "nonsense");
    await pause(1100);
    assertEquals(await logsIn("bob", "SCRAM-SHA-256"), 0);
  });
});

Deno.test("a users file that everybody can read, or that is none, ends the start", async () => {
  await withDirectory(async (path) => {
    const usersFile = `${path}/users`;
    await Deno.writeTextFile(usersFile, "# nobody\n", { mode: 0o644 });
    await assertRejects(() => secured({ usersFile }), Error, `chmod 600 ${usersFile}`);
    await Deno.chmod(usersFile, 0o600);
    await Deno.writeTextFile(usersFile, "alice:pencil\n");
    const error = await assertRejects(() => secured({ usersFile }), Error, "line 1");
    assert(!error.message.includes("pencil"));
  });
});

Deno.test("where nobody is asked, SASL is 34", async () => {
  await using broker = await TestBroker.start();
  const wire = await broker.wire();
  await wire.send(SaslHandshake, 1, { mechanism: "PLAIN" });
  assertEquals((await wire.answer(SaslHandshake, 1)).errorCode, 34);
  await wire.send(SaslAuthenticate, 2, { authBytes: NONE });
  assertEquals((await wire.answer(SaslAuthenticate, 2)).errorCode, 34);
});

Deno.test("a flood of log-ins holds up nobody who is in", async () => {
  await using broker = await secured();
  const inside = await broker.connect({ sasl: admin });
  let ended = 0;
  const flood = Array.from({ length: 300 }, async (_, i) => {
    const answer = await tell(await broker.wire(), "PLAIN", utf8(`\0somebody\0${i}`));
    assertEquals(answer.errorCode, 58);
    ended++;
  });
  await pause(20);
  for (let i = 0; i < 10; i++) assertEquals(await topicsOf(inside), 0);
  // One after the other they were answered while some of the flood waits for its turn, however slow the machine.
  assert(ended < 250, `${ended} of 300 had ended before ten requests were answered`);
  await Promise.all(flood);
});

Deno.test("src/client logs in over TLS, and not where it has no TLS or does not trust the broker", async () => {
  const authority = await Authority.make("CN=Runnel Test CA");
  await using folder = await CertificateFolder.make();
  await folder.write(await authority.issue());
  const { certificateFile, keyFile } = folder.files;
  await using broker = await secured({}, { tls: { certificateFile, keyFile } });
  const caCerts = [authority.certificate];
  const options = { host: "localhost", tls: { caCerts }, sasl: admin };
  assertEquals(await topicsOf(await broker.connect(options)), 0);
  await assertRejects(() => broker.connect({ host: "localhost", sasl: admin }), Error);
  await assertRejects(() => broker.connect({ host: "localhost", tls: {}, sasl: admin }), Error);
});
