/**
 * ScramCredential: what verifies a password without being one (RFC 5802 §3), made of a password, or made up for a user
 * whom nobody knows, so that a stranger cannot tell the two apart.
 */
import { createHash, createHmac } from "node:crypto";
import type { CredentialLook } from "./population.ts";

export interface ScramCredential {
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** H(HMAC(salted password, "Client Key")) */
  readonly storedKey: Uint8Array;
  /** HMAC(salted password, "Server Key") */
  readonly serverKey: Uint8Array;
}

/** A mechanism's hash, with Kafka's number of it (ScramMechanism). */
export interface ScramHash {
  readonly mechanism: "SCRAM-SHA-256" | "SCRAM-SHA-512";
  readonly number: 1 | 2;
  /** As node:crypto and as WebCrypto call it. */
  readonly name: "sha256" | "sha512";
  readonly webName: "SHA-256" | "SHA-512";
  readonly bytes: 32 | 64;
}

export const SCRAM_HASHES: readonly ScramHash[] = [
  { mechanism: "SCRAM-SHA-256", number: 1, name: "sha256", webName: "SHA-256", bytes: 32 },
  { mechanism: "SCRAM-SHA-512", number: 2, name: "sha512", webName: "SHA-512", bytes: 64 },
];

/** Of credentials that are made here. Kafka's tools take 4,096 where they are not told otherwise, the fewest there may be. */
export const DEFAULT_ITERATIONS = 8192;
/** Of delegation tokens, as Kafka has them (ScramMechanism.minIterations): they are random, nobody guesses them. */
export const TOKEN_ITERATIONS = 4096;

export function hashOf(mechanism: string): ScramHash | undefined {
  return SCRAM_HASHES.find((hash) => hash.mechanism === mechanism);
}

/** PBKDF2 away from this thread. */
export async function saltedPassword(
  { webName, bytes }: ScramHash,
  { password, salt, iterations }: {
    readonly password: Uint8Array;
    readonly salt: Uint8Array;
    readonly iterations: number;
  },
): Promise<Uint8Array> {
  const material = password as Uint8Array<ArrayBuffer>;
  const key = await crypto.subtle.importKey("raw", material, "PBKDF2", false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits(
    { name: "PBKDF2", hash: webName, salt: salt as Uint8Array<ArrayBuffer>, iterations },
    key,
    bytes * 8,
  );
  return new Uint8Array(bits);
}

/** What verifies the password that was salted so. */
export function credentialOf(
  hash: ScramHash,
  { salted, salt, iterations }: {
    readonly salted: Uint8Array;
    readonly salt: Uint8Array;
    readonly iterations: number;
  },
): ScramCredential {
  const storedKey = digest(hash, hmac(hash, salted, "Client Key"));
  return { salt, iterations, storedKey, serverKey: hmac(hash, salted, "Server Key") };
}

/** A new credential of a password, with a salt of its own. */
export async function newCredential(
  hash: ScramHash,
  password: string,
  iterations = DEFAULT_ITERATIONS,
): Promise<ScramCredential> {
  const salt = newSalt();
  const asked = { password: new TextEncoder().encode(password), salt, iterations };
  return credentialOf(hash, { ...asked, salted: await saltedPassword(hash, asked) });
}

export function newSalt(): Uint8Array {
  return saltOf(crypto.getRandomValues(new Uint8Array(SALT_BYTES)));
}

/**
 * The credential of a user that is not there: no password fits it. The salt is an HMAC of the secret and the name, the same
 * at each attempt and after a restart.
 */
export function mockCredential(
  hash: ScramHash,
  { secret, name, look: { iterations, saltBytes } }: {
    readonly secret: Uint8Array;
    readonly name: string;
    readonly look: CredentialLook;
  },
): ScramCredential {
  const part = (what: string) => hmac(hash, secret, `${what} ${hash.mechanism} ${name}`);
  const salt = saltBytes === null
    ? saltOf(part("salt").subarray(0, SALT_BYTES))
    : bytesOf(part, saltBytes);
  return { salt, iterations, storedKey: part("stored"), serverKey: part("server") };
}

/** Where among all users a name stands that nobody has, from 0 up to 1. */
export function standOf(
  hash: ScramHash,
  { secret, name }: { readonly secret: Uint8Array; readonly name: string },
): number {
  const bytes = hmac(hash, secret, `stand ${hash.mechanism} ${name}`);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) / 2 ** 32;
}

function bytesOf(part: (what: string) => Uint8Array, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let at = 0, i = 0; at < count; i++) {
    const more = part(`salt ${i}`).subarray(0, count - at);
    bytes.set(more, at);
    at += more.length;
  }
  return bytes;
}

export function hmac({ name }: ScramHash, key: Uint8Array, text: string): Uint8Array {
  return new Uint8Array(createHmac(name, key).update(text, "utf8").digest());
}

export function digest({ name }: ScramHash, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash(name).update(bytes).digest());
}

const SALT_BYTES = 17, SALT_BITS = 130n;

/** As ScramFormatter.secureRandomBytes: 130 bits as text of base 36. */
function saltOf(bytes: Uint8Array): Uint8Array {
  let number = 0n;
  for (const byte of bytes) number = number << 8n | BigInt(byte);
  return new TextEncoder().encode((number & ((1n << SALT_BITS) - 1n)).toString(36));
}
