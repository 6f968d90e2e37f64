/** Where users are kept that a command is about: in the users file, or in a running cluster. */
import { ConfigError } from "../../config/load.ts";
import { nameFault } from "../../security/sasl/users_text.ts";
import type { Call } from "../call.ts";
import { CONNECTION } from "../command.ts";
import { configOf } from "../reach.ts";

/** The file's path; null: in a cluster. Flags count before the file, and that before variables. Throws ConfigError. */
export async function usersFileOf(call: Call): Promise<string | null> {
  const { auth: { usersFile } } = await configOf(call.options);
  if (CONNECTION.some(({ name }) => call.text(name) !== null)) return null;
  if (usersFile !== "") return usersFile;
  if (["RUNNEL_BOOTSTRAP", "RUNNEL_PROFILE"].some((name) => Deno.env.has(name))) return null;
  throw new ConfigError(
    "user: say with --auth-users-file (auth.users_file) in which file, or with --bootstrap at which broker",
  );
}

/** The word NAME. Throws ConfigError for what can be none. */
export function nameOf({ words: [name] }: Call): string {
  const fault = nameFault(name);
  if (fault === null) return name;
  throw new ConfigError(`user: the name ${JSON.stringify(name)} ${fault}`);
}
