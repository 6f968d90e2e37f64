/** `runnel backup`: what there is of it. */
import { type Command, CONNECTION, type Flag, JSON_OUTPUT, type Word } from "../command.ts";

const DEST: Word = { name: "DEST", doc: "The backup's directory.", completes: "file" };

const ALLOW_DAMAGE: Flag = {
  name: "--allow-damage",
  doc: "What is damaged too; such partitions stay offline.",
};

export const backupCommand: Command = {
  name: "backup",
  summary: "copy a serving broker's data, check a copy, or restore one",
  notes: [
    "create runs on the broker's machine: it reads the directory that --storage-path names.",
  ],
  actions: [
    {
      name: "create",
      summary: "copy what a serving broker has, as of one moment",
      words: [DEST],
      flags: [ALLOW_DAMAGE, JSON_OUTPUT, ...CONNECTION],
      examples: [{
        line: "runnel backup create /backup/monday --config /etc/runnel/runnel.toml",
        doc: "Again to the same place it copies what is new",
      }],
      load: async () => (await import("./create.ts")).createBackupOf,
    },
    {
      name: "verify",
      summary: "check that a backup is whole",
      words: [DEST],
      flags: [JSON_OUTPUT],
      takesOptions: false,
      examples: [{ line: "runnel backup verify /backup/monday", doc: "Each byte by its checksum" }],
      load: async () => (await import("./verify.ts")).verifyBackupAt,
    },
    {
      name: "restore",
      summary: "make a data directory of a backup",
      words: [DEST],
      flags: [
        { name: "--to", takes: "DIR", doc: "The data directory to make.", completes: "file" },
        ALLOW_DAMAGE,
        JSON_OUTPUT,
      ],
      takesOptions: false,
      examples: [{
        line: "runnel backup restore /backup/monday --to /var/lib/runnel",
        doc: "A broker starts on it",
      }],
      load: async () => (await import("./restore.ts")).restoreBackupTo,
    },
  ],
};
