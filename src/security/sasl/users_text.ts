/**
 * The text of a users file: what verifies each user's password, never the password. A line is
 *
 *     SCRAM-SHA-512$4096:<salt>$<stored key>:<server key> alice
 *
 * with base64 in the angle brackets (the form that PostgreSQL keeps them in) and the rest of the line being the name. A user
 * may have one line of each mechanism; empty lines and those that begin with # say nothing.
 */
import { Buffer } from "node:buffer";
import { hashOf, type ScramCredential } from "./scram_credential.ts";
import { base64 } from "./scram_message.ts";

export interface UserLine {
  readonly name: string;
  /** "SCRAM-SHA-512" */
  readonly mechanism: string;
  readonly credential: ScramCredential;
}

const LINE =
  /^(SCRAM-SHA-(?:256|512))\$(\d{1,6}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+) (.+)$/s;
export const MIN_ITERATIONS = 4096;
export const MAX_ITERATIONS = 16_384;

/** Throws an Error that says which line is wrong, without showing it. */
export function readUsers(text: string): UserLine[] {
  const users: UserLine[] = [], seen = new Set<string>();
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.replace(/\r$/, "");
    if (line === "" || line.startsWith("#")) continue;
    const where = `line ${index + 1}`, match = LINE.exec(line);
    if (match === null) {
      throw new Error(
        `${where} is none of \`runnel user add\`: MECHANISM$ITERATIONS:SALT$KEY:KEY NAME`,
      );
    }
    const [, mechanism, count, salt, storedKey, serverKey, name] = match;
    const iterations = Number(count), { bytes } = hashOf(mechanism)!;
    if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
      throw new Error(
        `${where} has ${count} iterations: needs ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`,
      );
    }
    const credential = {
      iterations,
      salt: bytesOf(salt),
      storedKey: bytesOf(storedKey),
      serverKey: bytesOf(serverKey),
    };
    if (credential.storedKey.length !== bytes || credential.serverKey.length !== bytes) {
      throw new Error(`${where} has keys of another length than ${mechanism}'s, ${bytes} bytes`);
    }
    if (credential.salt.length === 0) throw new Error(`${where} has no salt`);
    const key = `${mechanism} ${name}`;
    if (seen.has(key)) throw new Error(`${where} names ${name} again for ${mechanism}`);
    seen.add(key);
    users.push({ name, mechanism, credential });
  }
  return users;
}

export function writeUser({ name, mechanism, credential }: UserLine): string {
  const { iterations, salt, storedKey, serverKey } = credential;
  return `${mechanism}$${iterations}:${base64(salt)}$${base64(storedKey)}:${
    base64(serverKey)
  } ${name}`;
}

/** Whether a line of the file is of this user. */
export function isLineOf(line: string, name: string): boolean {
  return LINE.exec(line.replace(/\r$/, ""))?.[6] === name;
}

/** What cannot be a name in the file, in words; null where it can. */
export function nameFault(name: string): string | null {
  // deno-lint-ignore no-control-regex -- they are what is looked for
  if (name === "" || /[\x00-\x1f\x7f]/.test(name)) {
    return "needs characters, none of them a control character";
  }
  return name.length > 255 ? "needs at most 255 characters" : null;
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
