/** Users of SCRAM-SHA-256 in a users file, each with a client file by which commands log in. */
import { addToFile } from "../../src/cli/user/users_file.ts";
import { hashOf, newCredential } from "../../src/security/sasl/scram_credential.ts";

/** Writes FOLDER/users, and FOLDER/NAME for each of them, whose password is "pw"; the users file's path. */
export async function scramUsers(folder: string, names: readonly string[]): Promise<string> {
  const hash = hashOf("SCRAM-SHA-256")!, usersFile = `${folder}/users`;
  for (const name of names) {
    const credential = await newCredential(hash, "pw", 4096);
    addToFile(usersFile, [{ name, mechanism: hash.mechanism, credential }]);
    const lines = [
      "security.protocol=SASL_PLAINTEXT",
      "sasl.mechanism=SCRAM-SHA-256",
      `sasl.username=${name}`,
      "sasl.password=pw",
    ];
    await Deno.writeTextFile(`${folder}/${name}`, lines.join("\n"), { mode: 0o600 });
  }
  return usersFile;
}
