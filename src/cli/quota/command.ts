/** `runnel quota`: what there is of it. */
import { type Command, CONNECTION, type Flag, JSON_OUTPUT } from "../command.ts";

const WHOSE: readonly Flag[] = [
  {
    name: "--user",
    takes: "NAME",
    doc: "A user's; with --client-id that user's with this client id.",
  },
  { name: "--client-id", takes: "ID", doc: "A client id's." },
  { name: "--ip", takes: "ADDRESS", doc: "An address's." },
  {
    name: "--default-user",
    doc: "In place of --user NAME: of each user that has none of its own.",
  },
  { name: "--default-client-id", doc: "The same of client ids." },
  { name: "--default-ip", doc: "The same of addresses." },
  JSON_OUTPUT,
  ...CONNECTION,
];

export const quotaCommand: Command = {
  name: "quota",
  summary: "list, set and unset what users, client ids and addresses may use",
  notes: [
    "KEY is producer_byte_rate, consumer_byte_rate (bytes a second), request_percentage (of the event loop's time) or " +
    "controller_mutation_rate (partitions made and deleted a second); of addresses connection_creation_rate (a second).",
  ],
  actions: [
    {
      name: "list",
      summary: "list quotas, all or those of somebody",
      flags: WHOSE,
      examples: [{ line: "runnel quota list", doc: "All there are" }],
      load: async () => (await import("./list.ts")).listQuotas,
    },
    {
      name: "set",
      summary: "set quotas, in force when it ends",
      words: [{ name: "KEY=VALUE", doc: "Quotas with their values.", isRepeated: true }],
      flags: WHOSE,
      examples: [
        {
          line: "runnel quota set --client-id loader producer_byte_rate=1000000",
          doc: "A million bytes a second",
        },
        {
          line: "runnel quota set --default-ip connection_creation_rate=20",
          doc: "Each address that has none of its own",
        },
      ],
      load: async () => (await import("./alter.ts")).setQuotas,
    },
    {
      name: "unset",
      summary: "unset quotas",
      words: [{ name: "KEY", doc: "Quotas that are to hold no more.", isRepeated: true }],
      flags: WHOSE,
      examples: [{
        line: "runnel quota unset --client-id loader producer_byte_rate",
        doc: "Without a limit again",
      }],
      load: async () => (await import("./alter.ts")).unsetQuotas,
    },
  ],
};
