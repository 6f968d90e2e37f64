/** `runnel audit`: what there is of it. */
import { type Command, JSON_OUTPUT } from "../command.ts";

export const auditCommand: Command = {
  name: "audit",
  summary: "check that an audit's lines are those that were written",
  notes: [
    "It reads FILE, or the file of audit.file, and those that it was before (audit.hash_chain).",
    "With audit.hash_key the key is read as the broker reads it: RUNNEL_AUDIT_HASH_KEY, --audit-hash-key-file.",
  ],
  actions: [{
    name: "verify",
    summary: "check each line, and what was noted of the head",
    words: [{ name: "FILE", doc: "The audit's file.", isOptional: true, completes: "file" }],
    flags: [{
      name: "--head",
      takes: "SEQ:HASH",
      doc: "What verify printed as the head before: that line must be there still, as it was.",
    }, JSON_OUTPUT],
    examples: [{
      line: "runnel audit verify /var/log/runnel/audit.log",
      doc: "Exit code 1 where a line is not right",
    }],
    load: async () => (await import("./verify.ts")).verifyAuditLines,
  }],
};
