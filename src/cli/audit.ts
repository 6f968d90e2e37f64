/**
 * `runnel audit verify [FILE] [--head SEQ:HASH]`: whether the lines of an audit that was written with `audit.hash_chain` are
 * those that were written. It reads the file and those that it was before, beside a broker that serves or after it.
 */
import { basename, dirname, resolve } from "node:path";
import { hashWith, type Link } from "../audit/chain.ts";
import { type AuditVerdict, verifyAudit } from "../audit/verify.ts";
import { ConfigError } from "../config/load.ts";
import { FileStore } from "../storage/backends/file_store.ts";
import { commandArguments, configOf, misused } from "./arguments.ts";
import { printable } from "./table.ts";

/** 0: every line is right. 1: one is not, or nothing can be looked at. */
export async function runAudit(
  args: readonly string[],
  print: (line: string) => void = console.log,
): Promise<number> {
  const { words, own, rest } = commandArguments("audit", args, { "--head": "SEQ:HASH" });
  const [given, path, ...more] = words;
  if (given !== "verify") {
    throw misused("audit", given === undefined ? "verify is missing" : `"${given}" is not verify`);
  }
  if (more.length > 0) throw misused("audit", `unknown argument ${more[0]}`);
  const { audit } = await configOf(path === undefined ? rest : [...rest, `--audit-file=${path}`]);
  if (audit.file === "") {
    throw misused("audit", "verify needs FILE, or audit.file in the configuration");
  }
  const head = own.get("--head"), noted = head === undefined ? null : linkOf(head);
  const file = resolve(audit.file);
  const verdict = withStore(dirname(file), (store) => {
    const verdict = verifyAudit(store, basename(file), { hash: hashWith(audit.hashKey), noted });
    if (verdict.files === 0) throw new ConfigError(`Cannot look at ${file}: there is no such file`);
    return verdict;
  });
  for (const line of told(verdict, audit.hashKey !== "")) print(printable(line));
  return verdict.problem === null ? 0 : 1;
}

function told({ files, lines, firstSeq, last, problem, notes }: AuditVerdict, isKeyed: boolean) {
  const all = notes.map((note) => `note: ${note}`);
  if (problem !== null) return [...all, `not right: ${problem}`];
  const by = isKeyed ? "HMACs with the key" : "hashes without a key, which anybody can make anew";
  return [
    ...all,
    `${lines} lines in ${files} files, ${firstSeq} to ${
      last?.seq ?? 0
    }, are as they were written, by ${by}`,
    ...(last === null ? [] : [`head ${last.seq}:${last.hash}`]),
  ];
}

function linkOf(text: string): Link {
  const match = /^(\d{1,16}):([0-9a-f]{64})$/.exec(text);
  if (match === null) {
    throw misused("audit", `--head ${text}: needs SEQ:HASH, as verify prints it behind "head"`);
  }
  return { seq: Number(match[1]), hash: match[2] };
}

function withStore<T>(folder: string, work: (store: FileStore) => T): T {
  try {
    if (!Deno.statSync(folder).isDirectory) throw new Error("it is no directory");
  } catch (error) {
    throw new ConfigError(`Cannot look at ${folder}: ${(error as Error).message}`);
  }
  const store = new FileStore(folder); // which would make it
  try {
    return work(store);
  } finally {
    store.close();
  }
}
