/** `runnel user add`: a user with a password, in place of whatever the same one had. */
import {
  hashOf,
  newCredential,
  SCRAM_HASHES,
  type ScramHash,
} from "../../security/sasl/scram_credential.ts";
import { DEFAULT_ITERATIONS } from "../../security/sasl/scram_credential.ts";
import { MAX_ITERATIONS, MIN_ITERATIONS } from "../../security/sasl/users_text.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { Output } from "../output.ts";
import { clusterUsers } from "./cluster_users.ts";
import { readPassword } from "./password.ts";
import { nameOf, usersFileOf } from "./place.ts";
import { addToFile } from "./users_file.ts";

export const addUser: Run = async (call) => {
  const name = nameOf(call), hashes = hashesOf(call);
  const iterations = call.whole("--iterations", { min: MIN_ITERATIONS, max: MAX_ITERATIONS }) ??
    DEFAULT_ITERATIONS;
  const file = await usersFileOf(call);
  const password = await readPassword({ isPiped: call.has("--password-stdin") });
  if (file === null) {
    return await connected(call, async ({ cluster, out }) => {
      await clusterUsers(cluster).add(name, { password, hashes, iterations });
      const mechanisms = hashes.map(({ mechanism }) => mechanism);
      out.told(`${name} may log in by ${mechanisms.join(" and ")}`, { user: name, mechanisms });
      return 0;
    });
  }
  const users = await Promise.all(hashes.map(async (hash) => ({
    name,
    mechanism: hash.mechanism,
    credential: await newCredential(hash, password, iterations),
  })));
  addToFile(file, users);
  new Output({ isJson: call.has("--json") }).told(
    `${name} is in ${file}; a running broker takes it within a second`,
    { user: name, mechanisms: hashes.map(({ mechanism }) => mechanism), file },
  );
  return 0;
};

function hashesOf(call: Call): readonly ScramHash[] {
  const mechanism = call.text("--mechanism");
  if (mechanism === null) return SCRAM_HASHES;
  const hash = hashOf(mechanism.toUpperCase());
  if (hash !== undefined) return [hash];
  throw call.misused(
    `--mechanism ${mechanism}: needs SCRAM-SHA-256 or SCRAM-SHA-512; PLAIN checks users of the file by the latter`,
  );
}
