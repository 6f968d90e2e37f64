/** `runnel user`: what there is of it. */
import { SCRAM_HASHES } from "../../security/sasl/scram_credential.ts";
import { DEFAULT_ITERATIONS } from "../../security/sasl/scram_credential.ts";
import { MAX_ITERATIONS, MIN_ITERATIONS } from "../../security/sasl/users_text.ts";
import { type Command, CONNECTION, JSON_OUTPUT, type Word, YES } from "../command.ts";

const NAME: Word = { name: "NAME", doc: "The user's name." };

export const userCommand: Command = {
  name: "user",
  summary: "list, add and delete who may log in: in the users file, or in a cluster",
  notes: [
    "With --bootstrap, --client-config or --profile it is about the SCRAM users that the cluster keeps; else about the file " +
    "that --auth-users-file (auth.users_file) names, also before the first start; where there is none, RUNNEL_BOOTSTRAP " +
    "or RUNNEL_PROFILE says which cluster.",
  ],
  actions: [
    {
      name: "list",
      summary: "list users with the mechanisms by which they log in",
      flags: [JSON_OUTPUT, ...CONNECTION],
      examples: [{
        line: "runnel user list --client-config admin.properties",
        doc: "Of a cluster",
      }],
      load: async () => (await import("./list.ts")).listUsers,
    },
    {
      name: "add",
      summary: "add a user, or give one another password",
      words: [NAME],
      flags: [
        {
          name: "--mechanism",
          takes: "M",
          doc: `${SCRAM_HASHES.map(({ mechanism }) => mechanism).join(" or ")}; both if not given.`,
        },
        {
          name: "--iterations",
          takes: "N",
          doc:
            `How dear a guess is, ${MIN_ITERATIONS} (as Kafka's tools have it) to ${MAX_ITERATIONS}; ${DEFAULT_ITERATIONS} if not said.`,
        },
        {
          name: "--password-stdin",
          doc: "Read the password from standard input; else it is asked for.",
        },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [
        {
          line: "runnel user add alice --auth-users-file /etc/runnel/users",
          doc: "In the file; it asks for the password",
        },
        {
          line: "runnel user add alice --password-stdin --client-config admin.properties",
          doc: "In a cluster, the password piped in",
        },
      ],
      load: async () => (await import("./add.ts")).addUser,
    },
    {
      name: "delete",
      summary: "delete a user",
      words: [NAME],
      flags: [YES, JSON_OUTPUT, ...CONNECTION],
      examples: [{
        line: "runnel user delete alice --client-config admin.properties",
        doc: "Who may not log in any more",
      }],
      load: async () => (await import("./delete.ts")).deleteUser,
    },
  ],
};
