/**
 * Sasl: how a client says who it is, over a connection that is open (KIP-152): SaslHandshake, then tokens in SaslAuthenticate
 * until both sides are satisfied. SCRAM also finds out that the broker knows the password.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import { SaslAuthenticate } from "../protocol/messages/sasl_authenticate.ts";
import { SaslHandshake } from "../protocol/messages/sasl_handshake.ts";
import type { Connection } from "./connection.ts";
import { check } from "./errors.ts";

export type SaslOptions =
  | {
    readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
    readonly username: string;
    readonly password: string;
    /** SCRAM: they are the id and the HMAC, in base64, of a delegation token (KIP-48). */
    readonly isToken?: boolean;
  }
  | {
    readonly mechanism: "OAUTHBEARER";
    /** A token that is good now; asked for at each log-in. */
    readonly token: () => string | Promise<string>;
  };

/** Logs in; how long that holds, 0 for ever. Throws KafkaError with the broker's words, and Error for a broker that is not who it says. */
export async function logIn(connection: Connection, options: SaslOptions): Promise<number> {
  const { mechanism } = options;
  const shaken = await connection.request(SaslHandshake, connection.versionFor(SaslHandshake), {
    mechanism,
  });
  const offered = shaken.mechanisms.join(", ");
  check(shaken.errorCode, `log-in by ${mechanism}`, `the broker has ${offered || "no mechanism"}`);
  const say = async (token: Uint8Array) => {
    const version = connection.versionFor(SaslAuthenticate);
    const answer = await connection.request(SaslAuthenticate, version, { authBytes: token });
    check(answer.errorCode, `log-in by ${mechanism}`, answer.errorMessage);
    return answer;
  };
  if (mechanism === "PLAIN") {
    const { username, password } = options;
    return (await say(utf8(`\0${username}\0${password}`))).sessionLifetimeMs;
  }
  if (mechanism === "OAUTHBEARER") {
    const answer = await say(utf8(`n,,\x01auth=Bearer ${await options.token()}\x01\x01`));
    if (answer.authBytes.length === 0) return answer.sessionLifetimeMs;
    await say(new Uint8Array([1])); // what was wrong has been said; the failure comes with the answer to this
    throw new Error(`log-in by OAUTHBEARER: ${new TextDecoder().decode(answer.authBytes)}`);
  }
  return await scram(options, say);
}

type Say = (token: Uint8Array) => Promise<{ authBytes: Uint8Array; sessionLifetimeMs: number }>;

/** With fewer a proof is cheap to try passwords against, for who only plays the broker (ScramMechanism.minIterations). */
const MIN_ITERATIONS = 4096;
/** Past this a broker would only keep a client busy. */
const MAX_ITERATIONS = 1_000_000;

async function scram(
  { mechanism, username, password, isToken = false }: Extract<SaslOptions, { username: string }>,
  say: Say,
): Promise<number> {
  const hash = mechanism === "SCRAM-SHA-256" ? "sha256" : "sha512";
  const name = username.replaceAll("=", "=3D").replaceAll(",", "=2C");
  const nonce = randomBytes(18).toString("base64url");
  const bare = `n=${name},r=${nonce}${isToken ? ",tokenauth=true" : ""}`;
  const first = new TextDecoder().decode((await say(utf8(`n,,${bare}`))).authBytes);
  const [, both, salt, count] = /^r=([^,]+),s=([^,]+),i=(\d{1,7})(?:,|$)/.exec(first) ?? [];
  const iterations = Number(count);
  if (both === undefined || !both.startsWith(nonce)) {
    throw new Error(`log-in by ${mechanism}: the broker's challenge is not in order`);
  }
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
    throw new Error(
      `log-in by ${mechanism}: the broker asks for ${iterations} iterations: needs ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`,
    );
  }
  const salted = await derive(password, { salt: Buffer.from(salt, "base64"), iterations, hash });
  const hmac = (key: Uint8Array, text: string) => createHmac(hash, key).update(text).digest();
  const withoutProof = `c=biws,r=${both}`, signed = `${bare},${first},${withoutProof}`;
  const key = hmac(salted, "Client Key");
  const signature = hmac(createHash(hash).update(key).digest(), signed);
  const proof = Buffer.from(key.map((byte, i) => byte ^ signature[i])).toString("base64");
  const final = await say(utf8(`${withoutProof},p=${proof}`));
  const [, said = ""] = /^v=([^,]+)/.exec(new TextDecoder().decode(final.authBytes)) ?? [];
  const expected = hmac(hmac(salted, "Server Key"), signed), shown = Buffer.from(said, "base64");
  if (shown.length !== expected.length || !timingSafeEqual(shown, expected)) {
    throw new Error(`log-in by ${mechanism}: the broker does not know the password it let in`);
  }
  return final.sessionLifetimeMs;
}

function derive(
  password: string,
  { salt, iterations, hash }: { salt: Uint8Array; iterations: number; hash: string },
): Promise<Uint8Array> {
  const bytes = hash === "sha256" ? 32 : 64;
  return new Promise((resolve, reject) =>
    pbkdf2(
      password,
      salt,
      iterations,
      bytes,
      hash,
      (error, key) => error === null ? resolve(new Uint8Array(key)) : reject(error),
    )
  );
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
