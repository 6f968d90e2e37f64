/** `runnel storage`: what there is of it. */
import { type Command, JSON_OUTPUT, type Word } from "../command.ts";

const DIR: Word = {
  name: "DIR",
  doc: "The data directory; the one of --storage-path if not given.",
  isOptional: true,
  completes: "file",
};

export const storageCommand: Command = {
  name: "storage",
  summary: "look at the directory of a stopped broker, and decide about damage",
  actions: [
    {
      name: "verify",
      summary: "say what there is, and what is wrong with it; changes nothing",
      words: [DIR],
      flags: [JSON_OUTPUT],
      examples: [{
        line: "runnel storage verify /var/lib/runnel",
        doc: "What a start would find; exit code 1 where something is damaged",
      }],
      load: async () => (await import("./verify.ts")).verifyStorage,
    },
    {
      name: "repair",
      summary: "cut a damaged partition where it stops being valid, or say what that would lose",
      words: [DIR],
      flags: [
        {
          name: "--partition",
          takes: "TOPIC-N",
          doc: "The partition's folder, as verify names it.",
        },
        { name: "--cut", doc: "Do it; without it repair only says what would be lost." },
        JSON_OUTPUT,
      ],
      examples: [
        {
          line: "runnel storage repair --partition orders-0 /var/lib/runnel",
          doc: "What would be lost",
        },
        { line: "runnel storage repair --partition orders-0 --cut /var/lib/runnel", doc: "Do it" },
      ],
      load: async () => (await import("./repair.ts")).repairStorage,
    },
  ],
};
