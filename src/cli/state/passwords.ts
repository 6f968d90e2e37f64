/** Passwords: read from where a state says they are, when they are needed. Complaints never show one. */
import { ConfigError } from "../../config/load.ts";
import { readSecretFile } from "../../security/secret_file.ts";
import type { Passwords } from "./carry_out.ts";
import type { Change } from "./plan.ts";
import type { Secret, State } from "./state.ts";

const MAX_BYTES = 4096;

/** Those that changes need, and why some cannot be had. */
export function passwordsFor(
  { users }: State,
  changes: readonly Change[],
): { readonly passwords: Passwords; readonly missing: readonly string[] } {
  const passwords = new Map<string, string>(), missing = new Set<string>();
  for (const change of changes) {
    if (change.kind !== "user" || passwords.has(change.name)) continue;
    try {
      passwords.set(change.name, passwordOf(change.name, users.get(change.name)!.secret!));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      missing.add(error.message);
    }
  }
  return { passwords, missing: [...missing] };
}

function passwordOf(user: string, secret: Secret): string {
  const password = secret.kind === "file"
    ? inFile(user, secret.path)
    : secret.kind === "env"
    ? inEnvironment(user, secret.name)
    : secret.password;
  if (password === "") throw new ConfigError(`user ${user}: the password is empty`);
  const { length } = new TextEncoder().encode(password);
  if (length <= MAX_BYTES) return password;
  throw new ConfigError(`user ${user}: the password has ${length} bytes, allowed are ${MAX_BYTES}`);
}

/** The first line. */
function inFile(user: string, path: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readSecretFile(path).bytes;
  } catch (error) {
    throw new ConfigError(`user ${user}: cannot read its password: ${(error as Error).message}`);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.split(/\r?\n/, 1)[0];
  } catch {
    throw new ConfigError(`user ${user}: the password in ${path} is no UTF-8`);
  }
}

function inEnvironment(user: string, name: string): string {
  let value: string | undefined;
  try {
    value = Deno.env.get(name);
  } catch {
    // no name of a variable
  }
  if (value !== undefined) return value;
  throw new ConfigError(`user ${user}: there is no variable ${name} with its password`);
}
