/** `runnel apply` and `runnel export`: what there is of them. */
import { type Command, CONNECTION, JSON_OUTPUT, YES } from "../command.ts";

export const applyCommand: Command = {
  name: "apply",
  summary: "make a cluster have what a file says: topics, configs, users, quotas, ACLs",
  actions: [{
    name: "",
    summary: "make a cluster have what a file says: topics, configs, users, quotas, ACLs",
    flags: [
      {
        name: "-f",
        takes: "FILE",
        aliases: ["--file"],
        completes: "file",
        doc: "A state.toml, as `runnel export` writes it; - is standard input.",
      },
      { name: "--check", doc: "Only say what differs; ends with 2 where something does." },
      {
        name: "--prune",
        doc:
          "Take away what the last apply of FILE to this cluster listed and FILE no longer does.",
      },
      {
        name: "--rotate",
        takes: "USER",
        isRepeated: true,
        doc:
          "Set this user's password anew: whether it is another cannot be seen, so it is kept else.",
      },
      {
        name: "--force",
        doc:
          "Also where nobody is left afterwards who may change ACLs by ACLs, or where --prune finds a FILE that lists nothing.",
      },
      YES,
      JSON_OUTPUT,
      ...CONNECTION,
    ],
    examples: [
      { line: "runnel apply -f state.toml --check", doc: "What differs?" },
      { line: "runnel apply -f state.toml --yes", doc: "Make it so, in a script" },
      {
        line: "runnel export --profile old | runnel apply -f - --profile new",
        doc: "The same elsewhere",
      },
    ],
    load: async () => (await import("./apply.ts")).apply,
  }],
};

export const exportCommand: Command = {
  name: "export",
  summary: "write what a cluster has as a file for apply",
  actions: [{
    name: "",
    summary: "write what a cluster has as a file for apply",
    flags: [...CONNECTION],
    examples: [{ line: "runnel export > state.toml", doc: "All that was set, without passwords" }],
    load: async () => (await import("./export.ts")).exportState,
  }],
};
