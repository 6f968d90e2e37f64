/** `runnel acl`: what there is of it. */
import { type Command, CONNECTION, type Flag, JSON_OUTPUT, type Word } from "../command.ts";

const WORDS: readonly Word[] = [
  { name: "USER", doc: "A name, or a principal with its type; * is everybody." },
  { name: "OPERATION", doc: "read, write, describe, create, alter, …; all is each of them." },
  {
    name: "RESOURCE",
    doc:
      "topic:NAME, group:NAME, transactional-id:NAME, delegation-token:ID, user:NAME or cluster; the name * is every one.",
  },
];

const HOST: Flag = { name: "--host", takes: "IP", doc: "From this address only." };

const RULE: readonly Flag[] = [
  { name: "--prefixed", doc: "Of every resource whose name begins so." },
  { name: "--deny", doc: "A rule that denies, and beats every one that allows." },
  HOST,
  {
    name: "--force",
    doc: "Also where nobody is left afterwards who may change ACLs by ACLs.",
  },
  JSON_OUTPUT,
  ...CONNECTION,
];

export const aclCommand: Command = {
  name: "acl",
  summary: "list, add and remove ACLs, or say which of them decides",
  notes: ["check ends with 0 where it is allowed and with 3 where it is not."],
  actions: [
    {
      name: "list",
      summary: "list all ACLs",
      flags: [JSON_OUTPUT, ...CONNECTION],
      examples: [{ line: "runnel acl list", doc: "Who may do what" }],
      load: async () => (await import("./list.ts")).listAcls,
    },
    {
      name: "add",
      summary: "add an ACL",
      words: WORDS,
      flags: RULE,
      examples: [
        { line: "runnel acl add alice write topic:orders", doc: "She may write there" },
        {
          line: "runnel acl add alice read group:shop- --prefixed",
          doc: "And be in groups that begin so",
        },
      ],
      load: async () => (await import("./add.ts")).addAcl,
    },
    {
      name: "remove",
      summary: "remove an ACL, given as it was added",
      words: WORDS,
      flags: RULE,
      examples: [{
        line: "runnel acl remove alice write topic:orders",
        doc: "She may not any more",
      }],
      load: async () => (await import("./remove.ts")).removeAcl,
    },
    {
      name: "check",
      summary: "say whether somebody may do something, and which ACL decides",
      words: WORDS,
      flags: [HOST, JSON_OUTPUT, ...CONNECTION],
      examples: [{
        line: "runnel acl check alice read topic:orders --host 10.0.0.7",
        doc: "May she, from there?",
      }],
      load: async () => (await import("./check.ts")).checkAcl,
    },
  ],
};
