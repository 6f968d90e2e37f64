/** The users file as `runnel user` writes it: replaced whole, readable by nobody else, its other lines as they were. */
import { ConfigError } from "../../config/load.ts";
import { isLineOf, readUsers, type UserLine, writeUser } from "../../security/sasl/users_text.ts";

/** Mechanisms by user; nobody where there is no file. */
export function usersIn(path: string): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const { name, mechanism } of parsed(path, textOf(path))) {
    users.set(name, [...users.get(name) ?? [], mechanism]);
  }
  return users;
}

export function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new ConfigError(`Cannot read the users file ${path}: ${(error as Error).message}`);
  }
}

/** All of one user, whose lines before are dropped. */
export function addToFile(path: string, users: readonly UserLine[]): void {
  const kept = linesWithout(path, users[0].name);
  replace(path, [...kept, ...users.map(writeUser)]);
}

/** Whether there was one. */
export function deleteFromFile(path: string, name: string): boolean {
  if (!usersIn(path).has(name)) return false;
  replace(path, linesWithout(path, name));
  return true;
}

function linesWithout(path: string, name: string): string[] {
  const text = textOf(path);
  parsed(path, text); // a file that the broker would refuse is not made worse
  const lines = text.split("\n").filter((line) => !isLineOf(line, name));
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw new ConfigError(`Cannot read the users file ${path}: ${(error as Error).message}`);
  }
}

function parsed(path: string, text: string): UserLine[] {
  try {
    return readUsers(text);
  } catch (error) {
    throw new ConfigError(`${path}: ${(error as Error).message}`);
  }
}

/** Written beside it and renamed, so that a reader sees one or the other; its owner and group stay as they were. */
function replace(path: string, lines: readonly string[]): void {
  const beside = `${path}.new`;
  try {
    const before = stat(path), mode = ((before?.mode ?? 0o600) & 0o660) | 0o600;
    Deno.writeTextFileSync(beside, lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
    using file = Deno.openSync(beside, { write: true });
    file.syncSync();
    Deno.chmodSync(beside, mode);
    // What was just made is of whoever runs this; asking for one's own id takes a right that the broker does not have.
    if (before !== null && before.uid !== Deno.statSync(beside).uid) {
      Deno.chownSync(beside, before.uid, before.gid);
    }
    Deno.renameSync(beside, path);
  } catch (error) {
    throw new ConfigError(`Cannot write the users file ${path}: ${(error as Error).message}`);
  }
}

function stat(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch {
    return null;
  }
}
