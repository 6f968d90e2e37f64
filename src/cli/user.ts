/**
 * `runnel user add|list|delete`: who may log in. Without --bootstrap and --client-config it is about the users file
 * (`auth.users_file`), also before the first start; with one of them, about the SCRAM credentials that a running cluster
 * keeps.
 */
import { Cluster } from "../client/cluster.ts";
import { ConnectionError, KafkaError } from "../client/errors.ts";
import { ConfigError } from "../config/load.ts";
import {
  DEFAULT_ITERATIONS,
  hashOf,
  newCredential,
  SCRAM_HASHES,
  type ScramHash,
} from "../security/sasl/scram_credential.ts";
import { MAX_ITERATIONS, MIN_ITERATIONS, nameFault } from "../security/sasl/users_text.ts";
import {
  actionOf,
  BOOTSTRAP_FLAGS,
  bootstrapOf,
  clientErrorLine,
  clientSecurityOf,
  commandArguments,
  configOf,
  misused,
} from "./arguments.ts";
import { clusterUsers } from "./cluster_users.ts";
import { readPassword } from "./password.ts";
import { printable } from "./table.ts";
import { addToFile, deleteFromFile, isThere, usersIn } from "./users_file.ts";

type Ask = (how: { readonly isPiped: boolean }) => Promise<string>;

export async function runUser(
  args: readonly string[],
  print: (line: string) => void = console.log,
  ask: Ask = readPassword,
): Promise<number> {
  const { words, own, rest } = commandArguments("user", args, {
    ...BOOTSTRAP_FLAGS,
    "--mechanism": "SCRAM-SHA-256 or SCRAM-SHA-512",
    "--iterations": `a whole number, ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`,
    "--password-stdin": null,
  });
  const [given, name = "", ...more] = words;
  const action = actionOf("user", given, ["add", "list", "delete"]);
  if ((action === "list") !== (name === "") || more.length > 0) {
    throw misused("user", action === "list" ? "list takes no name" : `${action} needs one NAME`);
  }
  if (action !== "list" && nameFault(name) !== null) {
    throw new ConfigError(`user: the name ${JSON.stringify(name)} ${nameFault(name)}`);
  }
  const hashes = hashesOf(own.get("--mechanism")), iterations = iterationsOf(own);
  const config = await configOf(rest);
  const isPiped = own.get("--password-stdin") === "true";
  const isCluster = Object.keys(BOOTSTRAP_FLAGS).some((flag) => own.has(flag));
  if (!isCluster) {
    const { usersFile } = config.auth;
    if (usersFile === "") {
      throw new ConfigError(
        "user: say with --auth-users-file (auth.users_file) in which file, or with --bootstrap at which broker",
      );
    }
    if (action === "list") {
      if (!isThere(usersFile)) {
        throw new ConfigError(
          `user: there is no users file ${usersFile}: \`runnel user add NAME\` makes one`,
        );
      }
      return printed(usersIn(usersFile), print);
    }
    if (action === "delete") return said(deleteFromFile(usersFile, name), name, print);
    const password = await ask({ isPiped });
    const users = await Promise.all(hashes.map(async (hash) => ({
      name,
      mechanism: hash.mechanism,
      credential: await newCredential(hash, password, iterations),
    })));
    addToFile(usersFile, users);
    print(`${name} is in ${usersFile}; a running broker takes it within a second`);
    return 0;
  }
  const password = action === "add" ? await ask({ isPiped }) : "";
  const cluster = new Cluster({
    bootstrap: bootstrapOf(own, config),
    ...clientSecurityOf(own, config),
    callTimeoutMs: 10_000,
  });
  try {
    const users = clusterUsers(cluster);
    if (action === "list") return printed(await users.list(), print);
    if (action === "delete") return said(await users.delete(name), name, print);
    await users.add(name, { password, hashes, iterations });
    print(`${name} may log in by ${hashes.map(({ mechanism }) => mechanism).join(" and ")}`);
    return 0;
  } catch (error) {
    if (!(error instanceof ConnectionError || error instanceof KafkaError)) throw error;
    console.error(`runnel: ${clientErrorLine(error)}`);
    return 1;
  } finally {
    cluster.close();
  }
}

function printed(users: ReadonlyMap<string, readonly string[]>, print: (line: string) => void) {
  for (const [name, mechanisms] of [...users].sort()) {
    print(`${printable(name)}  ${mechanisms.join(" ")}`);
  }
  return 0;
}

function said(isGone: boolean, name: string, print: (line: string) => void): number {
  if (isGone) print(`${name} is gone; its connections end within seconds`);
  else console.error(`runnel: there is no user ${name}: \`runnel user list\``);
  return isGone ? 0 : 1;
}

function hashesOf(mechanism: string | undefined): readonly ScramHash[] {
  if (mechanism === undefined) return SCRAM_HASHES;
  const hash = hashOf(mechanism.toUpperCase());
  if (hash !== undefined) return [hash];
  throw new ConfigError(
    `user: --mechanism ${mechanism}: needs SCRAM-SHA-256 or SCRAM-SHA-512; PLAIN checks users of the file by the latter`,
  );
}

function iterationsOf(own: ReadonlyMap<string, string>): number {
  const text = own.get("--iterations") ?? `${DEFAULT_ITERATIONS}`, count = Number(text);
  if (/^\d+$/.test(text) && count >= MIN_ITERATIONS && count <= MAX_ITERATIONS) return count;
  throw new ConfigError(
    `user: --iterations ${
      text || '""'
    }: needs a whole number, ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`,
  );
}
