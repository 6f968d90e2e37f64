/** `runnel token`: what there is of it. */
import { type Command, CONNECTION, type Flag, JSON_OUTPUT, type Word, YES } from "../command.ts";

const ID: Word = { name: "ID", doc: "The token's id, as create and list print it." };

const FOR: Flag = {
  name: "--for",
  takes: "TIME",
  doc: "How long from now: 90s, 30m, 12h, 7d.",
};

export const tokenCommand: Command = {
  name: "token",
  summary: "make, list, renew and end delegation tokens",
  notes: [
    'create prints the password, once. A Java client logs in with both and tokenauth="true" by SCRAM.',
  ],
  actions: [
    {
      name: "create",
      summary: "make a token, and print its password",
      flags: [
        { name: "--owner", takes: "USER", doc: "Who one is with it; who asks if not given." },
        {
          name: "--renewer",
          takes: "USER,…",
          doc: "Who may renew and end it besides its owner.",
        },
        {
          ...FOR,
          doc: "How old it may become: 90s, 30m, 12h, 7d; as the broker has it if not given.",
        },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{
        line: "runnel token create --renewer scheduler --for 12h --client-config alice.properties",
        doc: "For half a day, of who asks",
      }],
      load: async () => (await import("./create.ts")).createToken,
    },
    {
      name: "list",
      summary: "list the tokens that you may see",
      flags: [
        {
          name: "--owner",
          takes: "USER,…",
          doc: "Only those of, for or by these.",
        },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{ line: "runnel token list --owner alice", doc: "Of alice" }],
      load: async () => (await import("./list.ts")).listTokens,
    },
    {
      name: "renew",
      summary: "make a token last longer",
      words: [ID],
      flags: [FOR, JSON_OUTPUT, ...CONNECTION],
      examples: [{ line: "runnel token renew ID --for 1h", doc: "An hour from now" }],
      load: async () => (await import("./change.ts")).renewToken,
    },
    {
      name: "expire",
      summary: "end a token",
      words: [ID],
      flags: [
        { ...FOR, doc: "How long from now; at once if not given." },
        YES,
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{ line: "runnel token expire ID", doc: "At once" }],
      load: async () => (await import("./change.ts")).expireToken,
    },
  ],
};
