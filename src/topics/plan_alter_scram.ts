/**
 * planAlterScram: from an AlterUserScramCredentials request and the catalogue to USER_SCRAM_CREDENTIAL_RECORDs and an
 * outcome for each user. A user is altered whole or not at all; codes and texts are Kafka's.
 *
 * The password comes salted and is not kept: only what verifies it is (RFC 5802).
 */
import { createHash, createHmac } from "node:crypto";
import { ErrorCode } from "../protocol/errors.ts";
import type { Catalogue } from "./catalogue.ts";
import type { NewRecord } from "./metadata_record.ts";
import type { Plan } from "./metadata_store.ts";
import { failure, type Outcome, repeated, SUCCESS } from "./outcome.ts";

export interface ScramDeletion {
  readonly name: string;
  /** 1: SCRAM-SHA-256, 2: SCRAM-SHA-512. */
  readonly mechanism: number;
}

export interface ScramUpsertion extends ScramDeletion {
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly saltedPassword: Uint8Array;
}

export interface ScramOutcome extends Outcome {
  readonly user: string;
}

const HASHES: readonly (Readonly<{ name: string; bytes: number }> | undefined)[] = [
  undefined,
  { name: "sha256", bytes: 32 },
  { name: "sha512", bytes: 64 },
];
const MIN_ITERATIONS = 4096, MAX_ITERATIONS = 16_384;

export function planAlterScram(
  catalogue: Catalogue,
  { deletions, upsertions }: {
    readonly deletions: readonly ScramDeletion[];
    readonly upsertions: readonly ScramUpsertion[];
  },
): Plan<ScramOutcome[]> {
  const users = [...deletions, ...upsertions].map(({ name }) => name);
  const twice = repeated(users);
  const outcomes = new Map<string, Outcome>();
  for (const user of twice) {
    const message = "A user credential cannot be altered twice in the same request";
    outcomes.set(user, failure(ErrorCode.DUPLICATE_RESOURCE, message));
  }
  const records: NewRecord[] = [];
  const present = new Set<string>();
  for (const credential of catalogue.kept("UserScramCredentialRecord")) {
    present.add(keyOf(credential));
  }
  for (const deletion of deletions) {
    if (twice.has(deletion.name)) continue;
    const { name, mechanism } = deletion;
    const refused = deletionError(present, deletion);
    outcomes.set(name, refused ?? SUCCESS);
    if (refused !== null) continue;
    const value = { name, mechanism };
    records.push({ kind: "RemoveUserScramCredentialRecord", version: 0, value });
  }
  for (const upsertion of upsertions) {
    if (twice.has(upsertion.name)) continue;
    const refused = upsertionError(upsertion);
    outcomes.set(upsertion.name, refused ?? SUCCESS);
    if (refused === null) records.push(credential(upsertion));
  }
  const result = [...outcomes].map(([user, outcome]) => ({ user, ...outcome }));
  return { records, result };
}

function namingError({ name, mechanism }: ScramDeletion): Outcome | null {
  if (name === "") return failure(ErrorCode.UNACCEPTABLE_CREDENTIAL, "Username must not be empty");
  return HASHES[mechanism] === undefined
    ? failure(ErrorCode.UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism")
    : null;
}

function deletionError(present: ReadonlySet<string>, deletion: ScramDeletion): Outcome | null {
  const refused = namingError(deletion);
  if (refused !== null || present.has(keyOf(deletion))) return refused;
  const message = "Attempt to delete a user credential that does not exist";
  return failure(ErrorCode.RESOURCE_NOT_FOUND, message);
}

function keyOf({ name, mechanism }: ScramDeletion): string {
  return `${mechanism} ${name}`;
}

function upsertionError(upsertion: ScramUpsertion): Outcome | null {
  const refused = namingError(upsertion);
  if (refused !== null) return refused;
  const bad = (why: string) => failure(ErrorCode.UNACCEPTABLE_CREDENTIAL, why);
  const { iterations, salt, saltedPassword, mechanism } = upsertion;
  if (iterations < MIN_ITERATIONS) return bad("Too few iterations");
  if (iterations > MAX_ITERATIONS) return bad("Too many iterations");
  // Kafka takes these two, and nobody can log in with them then.
  if (salt.length === 0) return bad("Salt must not be empty");
  const { bytes } = HASHES[mechanism]!;
  return saltedPassword.length === bytes
    ? null
    : bad(`Salted password has ${saltedPassword.length} bytes, needs ${bytes}`);
}

function credential(upsertion: ScramUpsertion): NewRecord {
  const { name, mechanism, iterations, salt, saltedPassword } = upsertion;
  const hash = HASHES[mechanism]!.name;
  const hmac = (text: string) => createHmac(hash, saltedPassword).update(text).digest();
  const storedKey = createHash(hash).update(hmac("Client Key")).digest();
  const serverKey = hmac("Server Key");
  const value = { name, mechanism, iterations, salt, storedKey, serverKey };
  return { kind: "UserScramCredentialRecord", version: 0, value };
}
