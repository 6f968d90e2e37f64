/** `runnel group`: what there is of it. */
import { type Command, CONNECTION, type Flag, JSON_OUTPUT, type Word, YES } from "../command.ts";

const GROUP: Word = { name: "GROUP", doc: "The group's name.", completes: "group" };

const TOPIC: Flag = {
  name: "--topic",
  takes: "TOPIC[:N,N-M]",
  isRepeated: true,
  completes: "topic",
  doc: "A topic, or some of its partitions: orders:0,4-7. May be given several times.",
};

export const groupCommand: Command = {
  name: "group",
  summary: "list, describe, watch, reset and delete groups of consumers",
  actions: [
    {
      name: "list",
      summary: "list groups with their type and state",
      flags: [JSON_OUTPUT, ...CONNECTION],
      load: async () => (await import("./list.ts")).listAllGroups,
    },
    {
      name: "describe",
      summary: "say who is in a group, how far behind it is, what keeps it from getting on",
      words: [{ ...GROUP, isOptional: true }],
      flags: [
        { name: "--all", doc: "Every group." },
        {
          name: "--wait",
          takes: "TIME",
          doc: "How far apart the two looks of it are; 6s if not given, 0s with --all.",
        },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{ line: "runnel group describe billing", doc: "Why it does not get on" }],
      load: async () => (await import("./describe.ts")).describeGroups,
    },
    {
      name: "reset",
      summary: "move what a group without members has committed",
      words: [GROUP],
      flags: [
        {
          name: "--to",
          takes: "WHERE",
          doc: "earliest, latest, current (as it is; the end where nothing is), or an offset.",
        },
        {
          name: "--to-time",
          takes: "TIME",
          doc:
            "The first record at or after it, else the end: 2026-11-30T08:00:00Z (UTC without a zone), or ms since 1970.",
        },
        { name: "--ago", takes: "TIME", doc: "The same so long ago: 90s, 5m, 2h, 7d." },
        {
          name: "--shift",
          takes: "N",
          doc: "So many records on, or back where it is negative: --shift=-100.",
        },
        {
          name: "--file",
          takes: "FILE",
          completes: "file",
          doc:
            "As a CSV file says, which --csv wrote or Kafka's --export: topic,partition,offset lines.",
        },
        TOPIC,
        { name: "--all-topics", doc: "All that the group has committed something of." },
        { name: "--dry-run", doc: "Only show what would be." },
        { name: "--csv", doc: "Show it as lines that --file reads." },
        YES,
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [
        {
          line: "runnel group reset billing --topic orders --to earliest --dry-run",
          doc: "Where it would read from",
        },
        {
          line: "runnel group reset billing --all-topics --ago 2h --yes",
          doc: "Read the last two hours again",
        },
      ],
      load: async () => (await import("./reset.ts")).resetGroup,
    },
    {
      name: "delete",
      summary: "delete groups without members, or what one has committed of topics",
      words: [{ ...GROUP, doc: "Names of groups.", isRepeated: true }],
      flags: [
        { ...TOPIC, doc: "Forget only what was committed of this topic: orders, orders:0,4-7." },
        { name: "--if-present", doc: "It is fine if it is not there." },
        YES,
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{ line: "runnel group delete billing --yes", doc: "Without being asked" }],
      load: async () => (await import("./delete.ts")).deleteGroups,
    },
    {
      name: "watch",
      summary: "show again and again how far behind a group is, until Ctrl-C",
      words: [GROUP],
      flags: [
        { name: "--every", takes: "TIME", doc: "How often, 2s if not given." },
        { name: "--count", takes: "N", doc: "How many times; else until Ctrl-C." },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{ line: "runnel group watch billing --every 500ms", doc: "Twice a second" }],
      load: async () => (await import("./watch.ts")).watchGroup,
    },
  ],
};
