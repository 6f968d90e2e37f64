/** The options of `[audit]`: where it is written who logged in, what was denied and what was changed. */
import type { Option } from "./option.ts";

export const auditOptions = {
  file: {
    type: "text",
    default: "",
    pattern: /^$|^[^\0]{0,4095}[^\0/]$/,
    need: "a path of a file",
    restart: true,
    doc:
      "The file that log-ins, denials and changes are written to, a JSON line each (docs/audit.md); only its owner may read it. Empty: none.",
  },
  toLog: {
    type: "boolean",
    default: false,
    restart: true,
    doc: "Write the same lines to the log (standard error), whatever `log.level` says.",
  },
  rotateBytes: {
    type: "integer",
    default: 104_857_600,
    min: 4096,
    max: 2 ** 40,
    restart: true,
    doc: "A file of so many bytes is renamed, and another one begun.",
  },
  rotateDaily: {
    type: "boolean",
    default: true,
    restart: true,
    doc: "The same of a file whose last line is of another day (UTC).",
  },
  keep: {
    type: "integer",
    default: 30,
    min: 0,
    max: 10_000,
    restart: true,
    doc: "Renamed files that are kept; the oldest beyond are removed. 0: all are kept.",
  },
  fsync: {
    type: "boolean",
    default: true,
    restart: true,
    doc:
      "Have the line of a change on the device before the change is answered; else it is written, and a power loss may take it.",
  },
  onFailure: {
    type: "choice",
    default: "continue",
    choices: ["continue", "refuse"],
    restart: true,
    doc:
      "While the file cannot be written: go on, count what is not written and say so, or refuse changes (POLICY_VIOLATION).",
  },
  maxDenials: {
    type: "integer",
    default: 10,
    min: 1,
    max: 10_000,
    restart: true,
    doc:
      "Lines a second of denials, and as many of log-ins, of each principal and address, and ten times as many of all; the rest are counted in a line. Changes have no such limit.",
  },
  hashChain: {
    type: "boolean",
    default: false,
    restart: true,
    doc:
      "Each line carries the hash of the one before it, so that `runnel audit verify` finds what was altered or taken out.",
  },
  hashKey: {
    type: "text",
    default: "",
    pattern: /^$|^[\x21-\x7e]{16,4096}$/,
    need: "16 characters or more, without blanks",
    secret: true,
    restart: true,
    doc:
      "Makes the hashes HMACs, which nobody can make anew without this key. Only from the environment, or a file that nobody else can read.",
  },
  hashKeyFile: {
    type: "text",
    default: "",
    pattern: /^[^\0]{0,4096}$/,
    need: "a path",
    restart: true,
    secretOf: "audit.hash_key",
    doc: "The file that key is read from at the start; what ends its line is not part of it.",
  },
} as const satisfies Record<string, Option>;
