/**
 * Proves what a client may do before it is known who it is, on listeners of every kind: which APIs, how large, how long;
 * and who it is after that.
 */
import { assertEquals, assertThrows } from "@std/assert";
import type { NewAuthenticator } from "../security/authenticator.ts";
import { AttemptPace } from "../security/sasl/attempt_pace.ts";
import type { LoginRules } from "../security/sasl/conversation.ts";
import { Session, type SessionListener } from "./session.ts";

const LIMITS = {
  maxFrameBytes: 100_000_000,
  unauthenticatedFrameBytes: 524_288,
  authenticationTimeoutMs: 10_000,
};
const PRODUCE = 0, SASL_HANDSHAKE = 17, API_VERSIONS = 18, SASL_AUTHENTICATE = 36;
const BEFORE = [SASL_HANDSHAKE, API_VERSIONS];
const ALL = [PRODUCE, ...BEFORE, SASL_AUTHENTICATE];

const plain: SessionListener = {
  name: "L",
  isTls: false,
  mechanisms: new Map(),
  principalOf: (certificate) => `User:${certificate.length}`,
};
const neverAsked: NewAuthenticator = () => {
  throw new Error("a session makes no authenticator by itself");
};
const pace = new AttemptPace({
  failuresPerSecond: 1,
  maxWaitMs: 0,
  monotonicMs: () => 0,
  after: () => () => {},
});
const clock = { nowMs: () => 0, monotonicMs: () => 0 };
const logins: LoginRules = {
  failureDelayMs: 0,
  maxReauthMs: 0,
  pace,
  clock,
  pause: () => Promise.resolve(),
  onEnd: () => {},
};
const sasl: SessionListener = { ...plain, mechanisms: new Map([["PLAIN", neverAsked]]), logins };
const handshake = { protocol: "TLSv1.3", cipher: null, peerCertificate: null };

function admitted(session: Session): number[] {
  return ALL.filter((key) => session.admits(key));
}

Deno.test("on a plain listener everybody is ANONYMOUS from the first byte, with all that this may", () => {
  const session = new Session(plain, LIMITS, 0);
  assertEquals([session.state, session.principal], ["authenticated", "User:ANONYMOUS"]);
  assertEquals([admitted(session), session.maxFrameBytes], [ALL, 100_000_000]);
  assertEquals(session.isLate(1e9), false);
});

Deno.test("before the handshake nothing is admitted, and after it there are whole requests from whom it named", () => {
  const session = new Session({ ...plain, isTls: true }, LIMITS, 1000);
  assertEquals([session.state, admitted(session)], ["securing", []]);
  assertEquals([session.isLate(11_000), session.isLate(11_001)], [false, true]);
  session.secured({ ...handshake, peerCertificate: new Uint8Array(7) });
  assertEquals([session.state, session.principal], ["authenticated", "User:7"]);
  assertEquals([admitted(session), session.maxFrameBytes], [ALL, 100_000_000]);
  assertEquals(session.isLate(1e9), false);
});

Deno.test("a certificate that is nobody's leaves the session without rights", () => {
  const principalOf = () => {
    throw new Error("no rule");
  };
  const session = new Session({ ...plain, isTls: true, principalOf }, LIMITS, 0);
  const shown = { ...handshake, peerCertificate: new Uint8Array(7) };
  assertThrows(() => session.secured(shown), Error, "no rule");
  assertEquals([admitted(session).includes(PRODUCE), session.isLate(10_001)], [false, true]);
});

for (const isTls of [false, true]) {
  Deno.test(`before SASL ${isTls ? "over TLS" : "in clear"} there are two APIs, small frames and a deadline`, () => {
    const session = new Session({ ...sasl, isTls }, LIMITS, 0);
    // What SASL says counts, whatever the certificate does.
    if (isTls) session.secured({ ...handshake, peerCertificate: new Uint8Array(7) });
    assertEquals([session.state, session.principal], ["authenticating", "User:ANONYMOUS"]);
    assertEquals([admitted(session), session.maxFrameBytes], [BEFORE, 524_288]);
    assertEquals(session.isLate(10_001), true);
    session.authenticated("User:alice");
    assertEquals([session.state, session.principal], ["authenticated", "User:alice"]);
    assertEquals([admitted(session), session.maxFrameBytes], [ALL, 100_000_000]);
  });
}

Deno.test("who proves itself again by a token has come by a token, and the other way round", () => {
  const session = new Session(sasl, LIMITS, 0);
  const proof = { expiresAtMs: Infinity, isRevoked: () => false };
  session.authenticated("User:alice", { ...proof, isByToken: false });
  const seen = [session.isByToken];
  for (const isByToken of [true, false]) {
    session.reauthenticating();
    session.authenticated("User:alice", { ...proof, isByToken });
    seen.push(session.isByToken);
  }
  assertEquals(seen, [false, true, false]);
});

Deno.test("a frame before authentication is never larger than one after it", () => {
  const session = new Session(sasl, { ...LIMITS, maxFrameBytes: 1000 }, 0);
  assertEquals(session.maxFrameBytes, 1000);
});

Deno.test("a session is secured and authenticated once, in this order", () => {
  const session = new Session({ ...sasl, isTls: true }, LIMITS, 0);
  assertThrows(() => session.authenticated("User:alice"), Error, "securing");
  session.secured(handshake);
  assertThrows(() => session.secured(handshake), Error, "authenticating");
  session.authenticated("User:alice");
  assertThrows(() => session.authenticated("User:bob"), Error, "authenticated");
});
