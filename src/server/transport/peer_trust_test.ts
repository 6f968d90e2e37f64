/**
 * Proves whom a listener trusts, by what handshakes may bring to light, among it what no client of ours can be made to
 * do: a session resumed, after which the runtime says "authorized" whatever the certificate was.
 * tests/clients/tls.sh does it with a real client.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { Authority, type CertificateWish, selfSigned } from "../../testing/certificates.ts";
import { PeerTrust } from "./peer_trust.ts";
import { HandshakeError } from "./transport.ts";

const authority = await Authority.make(), other = await Authority.make("CN=Other CA");
const now = Date.now();

function trusting(...authorities: Authority[]): PeerTrust {
  const trust = new PeerTrust("required", () => now);
  trust.use(authorities.map(({ certificate }) => certificate).join(""));
  return trust;
}

/** As a runtime tells it of a whole handshake, or of a resumed one, which it always calls authorized. */
const whole = (der: Uint8Array, isAuthorized = true) => (
  { der, isAuthorized, reason: "CERT_UNTRUSTED", isResumed: false }
);
const resumed = (der: Uint8Array) => ({ der, isAuthorized: true, reason: "null", isResumed: true });

Deno.test("a session that resumes after a certificate that was refused is refused, though it is called authorized", async () => {
  const trust = trusting(authority);
  const { der } = await selfSigned({ name: "CN=admin" });
  assertThrows(() => trust.judge(whole(der, false)), HandshakeError, "CERT_UNTRUSTED");
  assertThrows(() => trust.judge(resumed(der)), HandshakeError, "not of this listener");
});

Deno.test("a session counts for a certificate that was trusted here in a whole handshake, and for no other", async () => {
  const trust = trusting(authority), elsewhere = trusting(authority);
  const { der } = await authority.issue();
  assertThrows(() => trust.judge(resumed(der)), HandshakeError, "not of this listener");
  assertEquals(trust.judge(whole(der)), der);
  assertEquals(trust.judge(resumed(der)), der);
  assertThrows(() => elsewhere.judge(resumed(der)), HandshakeError);
});

Deno.test("when authorities change, sessions of those that stay count on, and of others no more", async () => {
  const trust = trusting(authority, other);
  const [ours, theirs] = [await authority.issue(), await other.issue()].map(({ der }) => der);
  const delegate = await authority.delegate(), { der: below } = await delegate.issue();
  for (const der of [ours, theirs, below]) trust.judge(whole(der));
  trust.use(authority.certificate + other.certificate);
  for (const der of [ours, theirs, below]) assertEquals(trust.judge(resumed(der)), der);
  trust.use(authority.certificate);
  assertEquals(trust.judge(resumed(ours)), ours);
  assertThrows(() => trust.judge(resumed(theirs)), HandshakeError);
  assertThrows(() => trust.judge(resumed(below)), HandshakeError); // who knows below which of them it was
});

Deno.test("a certificate that expired since its session began is refused", async () => {
  let nowMs = now;
  const trust = new PeerTrust("required", () => nowMs);
  trust.use(authority.certificate);
  const { der } = await authority.issue({ notAfter: new Date(now + 60_000) });
  assertEquals(trust.judge(whole(der)), der);
  nowMs += 120_000;
  assertThrows(() => trust.judge(resumed(der)), HandshakeError, "has expired");
  assertThrows(() => trust.judge(whole(der)), HandshakeError, "has expired");
});

/** What a runtime may overlook, as it does for a certificate that is itself among the trusted ones. */
const OVERLOOKED: readonly [wish: CertificateWish, why: string][] = [
  [{ isCa: true }, "is an authority's"],
  [{ purposes: ["1.3.6.1.5.5.7.3.1"] }, "is not for clients"],
  [{ notBefore: new Date(now - 7e6), notAfter: new Date(now - 6e6) }, "has expired"],
  [{ notBefore: new Date(now + 6e6), notAfter: new Date(now + 7e6) }, "is not valid yet"],
];

for (const [wish, why] of OVERLOOKED) {
  Deno.test(`a certificate that ${why} is refused, whatever the runtime says of it`, async () => {
    const { der } = await authority.issue(wish);
    assertThrows(() => trusting(authority).judge(whole(der)), HandshakeError, why);
  });
}

Deno.test("without a certificate: nobody where none is asked for, anonymous where one is requested, refused where one is required", () => {
  const trust = (clientAuth: "none" | "requested" | "required") =>
    new PeerTrust(clientAuth, () => now);
  assertEquals(trust("none").judge(null), null);
  assertEquals(trust("requested").judge(null), null);
  assertThrows(() => trust("required").judge(null), HandshakeError, "requires one");
});

Deno.test("where no certificate is asked for, one that a session brings along counts for nothing", async () => {
  const trust = new PeerTrust("none", () => now), { der } = await authority.issue();
  assertEquals(trust.judge(resumed(der)), null);
});
