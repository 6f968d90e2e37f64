/**
 * `runnel audit verify [FILE] [--head SEQ:HASH]`: whether the lines of an audit that was written with `audit.hash_chain` are
 * those that were written. It reads the file and those that it was before, beside a broker that serves or after it.
 */
import { basename, dirname, resolve } from "node:path";
import { hashWith, type Link } from "../../audit/chain.ts";
import { type AuditFolder, type AuditVerdict, verifyAudit } from "../../audit/verify.ts";
import { ConfigError } from "../../config/load.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { counted } from "../counted.ts";
import { Output } from "../output.ts";
import { configOf } from "../reach.ts";

/** 0: every line is right. 1: one is not, or nothing can be looked at. */
export const verifyAuditLines: Run = async (call) => {
  const [path] = call.words, head = call.text("--head");
  const options = path === "" ? call.options : [...call.options, `--audit-file=${path}`];
  const { audit } = await configOf(options);
  if (audit.file === "") {
    throw call.misused("needs FILE, or audit.file in the configuration");
  }
  const noted = head === null ? null : linkOf(call, head), file = resolve(audit.file);
  const verdict = looked(file, () => {
    const folder = folderAt(dirname(file)), hash = hashWith(audit.hashKey);
    return verifyAudit(folder, basename(file), { hash, noted });
  });
  if (verdict.files === 0) throw new ConfigError(`Cannot look at ${file}: there is no such file`);
  const out = new Output({ isJson: call.has("--json") }), isKeyed = audit.hashKey !== "";
  if (out.isJson) out.json({ ...verdict, isRight: verdict.problem === null, isKeyed });
  else for (const line of told(verdict, isKeyed)) out.line(line);
  return verdict.problem === null ? 0 : 1;
};

function told({ files, lines, firstSeq, last, problem, notes }: AuditVerdict, isKeyed: boolean) {
  const all = notes.map((note) => `note: ${note}`);
  if (problem !== null) return [...all, `not right: ${problem}`];
  const by = isKeyed ? "HMACs with the key" : "hashes without a key, which anybody can make anew";
  return [
    ...all,
    `${counted(lines, "line")} in ${counted(files, "file")}, ${firstSeq} to ${
      last?.seq ?? 0
    }, are as they were written, by ${by}`,
    ...(last === null ? [] : [`head ${last.seq}:${last.hash}`]),
  ];
}

function linkOf(call: Call, text: string): Link {
  const match = /^(\d{1,16}):([0-9a-f]{64})$/.exec(text);
  if (match === null) {
    throw call.misused(`--head ${text}: needs SEQ:HASH, as verify prints it behind "head"`);
  }
  return { seq: Number(match[1]), hash: match[2] };
}

/** What the system has against it, in one line. */
function looked<T>(file: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw new ConfigError(`Cannot look at ${file}: ${(error as Error).message}`);
  }
}

/** A folder that is only read: a broker may be writing there, and whoever looks may be somebody else. */
function folderAt(path: string): AuditFolder {
  return {
    list: () =>
      [...Deno.readDirSync(path)].map(({ name, isDirectory }) => ({ name, isFolder: isDirectory })),
    readAll(name) {
      try {
        return Deno.readFileSync(`${path}/${name}`);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return null;
        throw error;
      }
    },
    open(name) {
      const file = Deno.openSync(`${path}/${name}`), { size } = file.statSync();
      return {
        size,
        read(position, into) {
          file.seekSync(position, Deno.SeekMode.Start);
          return file.readSync(into) ?? 0;
        },
        close: () => file.close(),
      };
    },
  };
}
