/**
 * Whether a stranger can tell an unknown user from a wrong password: attempts of both in turns at a broker in this process, the time of the whole exchange and the bytes of every answer (but for the nonce, which is another each time).
 *
 *     deno run --allow-all tests/clients/login_timing.ts [--attempts=2000]
 */
import { randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";
import { SaslAuthenticate } from "../../src/protocol/messages/sasl_authenticate.ts";
import { SaslHandshake } from "../../src/protocol/messages/sasl_handshake.ts";
import { hashOf, newCredential } from "../../src/security/sasl/scram_credential.ts";
import { writeUser } from "../../src/security/sasl/users_text.ts";
import { type Settings, TestBroker, utf8, type Wire } from "../broker/harness.ts";
import { Suite } from "./checks.ts";

const attempts = Number(Deno.args[0]?.split("=")[1] ?? 2000);
/** How far apart they may be: the median difference, as a share of the median. */
const MOST_APART = 0.02;
const WARM_UP = 200;
/**
 * How often so many attempts are made, at most: what a busy machine makes of the median shrinks with more of them, and what
 * the broker does differently stays.
 */
const MOST_ROUNDS = 5;
const suite = new Suite("login timing");

const file = await Deno.makeTempFile();
const lines = [];
for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-512"]) {
  // More iterations than the default, and another user with fewer: of those who are not there as many look like each.
  for (const [name, iterations] of [["alice", 8192], ["bruno", 4096], ["clara", 8192]] as const) {
    const credential = await newCredential(hashOf(mechanism)!, "pencil", iterations);
    lines.push(writeUser({ name, mechanism, credential }));
  }
}
await Deno.writeTextFile(file, lines.join("\n") + "\n");
await Deno.chmod(file, 0o600);
const mechanism = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const auth: Settings["auth"] = {
  enabled: true,
  mechanism,
  usersFile: file,
  failureDelayMs: 0,
  maxFailuresPerSecond: 1_000_000,
};
await using broker = await TestBroker.start({ auth });

for (const name of mechanism) {
  const nobody = await unknownLike("alice", name);
  const took = new Map<string, number[]>([["alice", []], [nobody, []]]);
  const told = new Map<string, Set<string>>([["alice", new Set()], [nobody, new Set()]]);
  const [ofKnown, ofUnknown] = [...took.values()];
  let apart = Infinity;
  for (let round = 1; apart > MOST_APART && round <= MOST_ROUNDS; round++) {
    for (let i = round === 1 ? -WARM_UP : 0; i < attempts; i++) {
      for (const user of i % 2 === 0 ? ["alice", nobody] : [nobody, "alice"]) {
        const wire = await broker.wire();
        const began = performance.now();
        const answers = await attempt(wire, name, user);
        const ms = performance.now() - began;
        wire.close();
        told.get(user)!.add(answers);
        if (i >= 0) took.get(user)!.push(ms);
      }
    }
    // Of each pair, so that what the machine does besides, which lasts longer than a pair, counts for neither.
    const difference = median(ofKnown.map((ms, i) => ofUnknown[i] - ms));
    const known = median(ofKnown), unknown = median(ofUnknown);
    apart = Math.abs(difference) / known;
    console.log(
      `${name}: wrong password ${known.toFixed(3)} ms, unknown user ${unknown.toFixed(3)} ms, ` +
        `the median difference of ${ofKnown.length} pairs is ${(apart * 100).toFixed(2)} %`,
    );
  }
  await suite.check(`${name}: both take as long, within ${MOST_APART * 100} %`, async () => {
    if (apart > MOST_APART) throw new Error(`${apart}`);
  });
  await suite.check(`${name}: both are told the same, byte for byte`, async () => {
    const both = [...told.values()].map((answers) => [...answers].join("\n"));
    if (both[0] !== both[1]) throw new Error(`${both}`);
  });
}
await Deno.remove(file);
await broker.stop();
suite.finish();

/** A name that nobody has and that is challenged as this user is: of three such names two are, as of the users. */
async function unknownLike(user: string, mechanism: string): Promise<string> {
  const answerFor = async (name: string) => {
    const wire = await broker.wire(), answer = await attempt(wire, mechanism, name);
    wire.close();
    return answer;
  };
  const wanted = await answerFor(user);
  for (let i = 10; i < 100; i++) {
    if (await answerFor(`nob${i}`) === wanted) return `nob${i}`;
  }
  throw new Error(`nobody is challenged as ${user} is: ${wanted}`);
}

/** One failed log-in; what was answered, without nonce and salt. */
async function attempt(wire: Wire, name: string, user: string): Promise<string> {
  await wire.send(SaslHandshake, 1, { mechanism: name });
  await wire.answer(SaslHandshake, 1);
  if (name === "PLAIN") return last(await say(wire, utf8(`\0${user}\0wrong`)));
  const nonce = randomBytes(18).toString("base64url");
  const first = await say(wire, utf8(`n,,n=${user},r=${nonce}`));
  const text = new TextDecoder().decode(first.authBytes);
  const [, both, salt, count] = /^r=(.+),s=(.+),i=(\d+)$/.exec(text)!;
  const proof = Buffer.alloc(name === "SCRAM-SHA-256" ? 32 : 64, 7).toString("base64");
  const final = await say(wire, utf8(`c=biws,r=${both},p=${proof}`));
  const shape = `${first.errorCode} ${salt.length > 30 && salt.length <= 36} ${count}`;
  return `${both.length} ${shape} ${last(final)}`;
}

async function say(wire: Wire, authBytes: Uint8Array) {
  await wire.send(SaslAuthenticate, 2, { authBytes });
  return await wire.answer(SaslAuthenticate, 2);
}

function last(answer: { errorCode: number; errorMessage: string | null; authBytes: Uint8Array }) {
  return `${answer.errorCode} ${answer.errorMessage} ${answer.authBytes.length}`;
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
