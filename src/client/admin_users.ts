/**
 * Users: SCRAM credentials of a cluster, as an administrator sets them (KIP-554). The password stays here: the cluster is
 * sent what PBKDF2 makes of it.
 */
import { AlterUserScramCredentials } from "../protocol/messages/alter_user_scram_credentials.ts";
import { DescribeUserScramCredentials } from "../protocol/messages/describe_user_scram_credentials.ts";
import type { Encodable } from "../protocol/schema.ts";
import type { CallOptions } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import { check } from "./errors.ts";

export type ScramMechanism = "SCRAM-SHA-256" | "SCRAM-SHA-512";

export interface ScramCredential {
  readonly mechanism: ScramMechanism;
  readonly iterations: number;
}

const NUMBERS: Readonly<Record<ScramMechanism, number>> = {
  "SCRAM-SHA-256": 1,
  "SCRAM-SHA-512": 2,
};

/** By user. */
export async function describeUsers(
  cluster: Cluster,
  call: CallOptions,
): Promise<Map<string, ScramCredential[]>> {
  return await cluster.retry(async () => {
    const connection = await cluster.controllerConnection();
    const version = connection.versionFor(DescribeUserScramCredentials);
    const answer = await connection.request(DescribeUserScramCredentials, version, { users: null });
    check(answer.errorCode, "users", answer.errorMessage);
    return new Map(answer.results.map(({ user, errorCode, errorMessage, credentialInfos }) => {
      check(errorCode, `user ${user}`, errorMessage);
      return [
        user,
        credentialInfos.map(({ mechanism, iterations }) => ({
          mechanism: mechanism === 2 ? "SCRAM-SHA-512" : "SCRAM-SHA-256",
          iterations,
        })),
      ];
    }));
  }, call);
}

/** Makes the user, or gives it this password. */
export async function setPassword(
  cluster: Cluster,
  user: string,
  password: string,
  { mechanism, iterations }: ScramCredential,
  call: CallOptions,
): Promise<void> {
  const salt = crypto.getRandomValues(new Uint8Array(24));
  const saltedPassword = await pbkdf2(mechanism, password, salt, iterations);
  await alter(cluster, {
    upsertions: [{ name: user, mechanism: NUMBERS[mechanism], iterations, salt, saltedPassword }],
  }, call);
}

/** Throws KafkaError RESOURCE_NOT_FOUND when there is none. */
export async function deleteUser(
  cluster: Cluster,
  user: string,
  mechanism: ScramMechanism,
  call: CallOptions,
): Promise<void> {
  await alter(cluster, { deletions: [{ name: user, mechanism: NUMBERS[mechanism] }] }, call);
}

async function alter(
  cluster: Cluster,
  { deletions = [], upsertions = [] }: Partial<
    Encodable<typeof AlterUserScramCredentials.request>
  >,
  call: CallOptions,
): Promise<void> {
  await cluster.retry(async () => {
    const connection = await cluster.controllerConnection();
    const version = connection.versionFor(AlterUserScramCredentials);
    const request = { deletions, upsertions };
    const { results } = await connection.request(AlterUserScramCredentials, version, request);
    for (const { user, errorCode, errorMessage } of results) {
      check(errorCode, `user ${user}`, errorMessage);
    }
  }, call);
}

async function pbkdf2(
  mechanism: ScramMechanism,
  password: string,
  salt: Uint8Array<ArrayBuffer>,
  iterations: number,
): Promise<Uint8Array> {
  const hash = mechanism.slice("SCRAM-".length), bits = hash === "SHA-512" ? 512 : 256;
  const bytes = new TextEncoder().encode(password);
  const key = await crypto.subtle.importKey("raw", bytes, "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash, salt, iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(how, key, bits));
}
