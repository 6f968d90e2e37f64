/** Users of a running cluster: its SCRAM credentials, asked for and set as Kafka's tools do (KIP-554). */
import type { Cluster } from "../../client/cluster.ts";
import { check } from "../../client/errors.ts";
import { AlterUserScramCredentials } from "../../protocol/messages/alter_user_scram_credentials.ts";
import { DescribeUserScramCredentials } from "../../protocol/messages/describe_user_scram_credentials.ts";
import {
  newSalt,
  saltedPassword,
  SCRAM_HASHES,
  type ScramHash,
} from "../../security/sasl/scram_credential.ts";

export function clusterUsers(cluster: Cluster) {
  async function list(): Promise<Map<string, string[]>> {
    const connection = await cluster.controllerConnection();
    const version = connection.versionFor(DescribeUserScramCredentials);
    const answer = await connection.request(DescribeUserScramCredentials, version, { users: null });
    check(answer.errorCode, "list users", answer.errorMessage);
    return new Map(answer.results.map(({ user, credentialInfos }) => [
      user,
      credentialInfos.map(({ mechanism }) => mechanismOf(mechanism)),
    ]));
  }

  async function alter(request: {
    readonly deletions?: readonly { name: string; mechanism: number }[];
    readonly upsertions?: readonly {
      name: string;
      mechanism: number;
      iterations: number;
      salt: Uint8Array;
      saltedPassword: Uint8Array;
    }[];
  }): Promise<void> {
    const connection = await cluster.controllerConnection();
    const version = connection.versionFor(AlterUserScramCredentials);
    const { deletions = [], upsertions = [] } = request;
    const asked = { deletions, upsertions };
    const { results } = await connection.request(AlterUserScramCredentials, version, asked);
    for (const { user, errorCode, errorMessage } of results) {
      check(errorCode, `user ${user}`, errorMessage);
    }
  }

  return {
    /** Mechanisms by user. */
    list,
    /** Whether there was one. Deleted in one request for each mechanism: a user may be named once in each. */
    async delete(name: string): Promise<boolean> {
      const mechanisms = (await list()).get(name) ?? [];
      for (const { mechanism, number } of SCRAM_HASHES) {
        if (mechanisms.includes(mechanism)) {
          await alter({ deletions: [{ name, mechanism: number }] });
        }
      }
      return mechanisms.length > 0;
    },
    async add(
      name: string,
      { password, hashes, iterations }: {
        readonly password: string;
        readonly hashes: readonly ScramHash[];
        readonly iterations: number;
      },
    ): Promise<void> {
      for (const hash of hashes) {
        const salt = newSalt();
        const bytes = new TextEncoder().encode(password);
        const salted = await saltedPassword(hash, { password: bytes, salt, iterations });
        const credential = {
          name,
          mechanism: hash.number,
          iterations,
          salt,
          saltedPassword: salted,
        };
        await alter({ upsertions: [credential] });
      }
    },
  };
}

function mechanismOf(number: number): string {
  return SCRAM_HASHES.find((hash) => hash.number === number)?.mechanism ?? `mechanism ${number}`;
}
