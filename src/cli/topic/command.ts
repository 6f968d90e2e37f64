/** `runnel topic`: what there is of it. */
import { type Command, CONNECTION, type Flag, JSON_OUTPUT, type Word, YES } from "../command.ts";

const TOPIC: Word = { name: "TOPIC", doc: "The topic's name.", completes: "topic" };
const TOPICS: Word = { ...TOPIC, doc: "Names of topics.", isRepeated: true };

const CONFIG: Flag = {
  name: "--config",
  takes: "NAME=VALUE",
  isRepeated: true,
  doc: "A config, by Kafka's name: retention.ms=60000. May be given several times.",
};

export const topicCommand: Command = {
  name: "topic",
  summary: "list, describe, create, change and delete topics",
  actions: [
    {
      name: "list",
      summary: "list topics with their partitions and sizes",
      flags: [
        { name: "--internal", doc: "Kafka's own topics too." },
        {
          name: "--pattern",
          takes: "RE2",
          doc: "Only names that match this regular expression as a whole.",
        },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{ line: "runnel topic list --pattern 'orders.*'", doc: "Those that begin so" }],
      load: async () => (await import("./list.ts")).listTopics,
    },
    {
      name: "describe",
      summary: "show a topic's partitions, offsets and configs",
      words: [{ ...TOPICS, isOptional: true }],
      flags: [
        { name: "--all", doc: "Every topic, Kafka's own too." },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{ line: "runnel topic describe orders", doc: "Partitions with their offsets" }],
      load: async () => (await import("./describe.ts")).describeTopics,
    },
    {
      name: "create",
      summary: "create topics",
      words: [TOPICS],
      flags: [
        { name: "--partitions", takes: "N", doc: "How many; else the broker's num.partitions." },
        {
          name: "--replicas",
          takes: "N",
          aliases: ["--replication-factor"],
          doc: "Copies of each partition; else the broker's default.replication.factor.",
        },
        CONFIG,
        {
          name: "--if-absent",
          aliases: ["--if-not-exists"],
          doc: "It is fine if it is there already.",
        },
        { name: "--dry-run", doc: "Only say whether the broker would." },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{
        line: "runnel topic create orders --partitions 6 --config cleanup.policy=compact",
        doc: "Six partitions that keep the last record of each key",
      }],
      load: async () => (await import("./create.ts")).createTopics,
    },
    {
      name: "alter",
      summary: "set or unset configs of a topic",
      words: [TOPIC],
      flags: [
        CONFIG,
        {
          name: "--unset",
          takes: "NAME",
          isRepeated: true,
          doc: "A config that goes back to its default.",
        },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{
        line: "runnel topic alter orders --config retention.ms=86400000 --unset segment.bytes",
        doc: "Keep a day",
      }],
      load: async () => (await import("./alter.ts")).alterTopic,
    },
    {
      name: "grow",
      summary: "raise the number of partitions",
      words: [TOPIC, { name: "COUNT", doc: "How many there are to be." }],
      flags: [YES, JSON_OUTPUT, ...CONNECTION],
      examples: [{
        line: "runnel topic grow orders 12",
        doc: "Keys go to other partitions from then on",
      }],
      load: async () => (await import("./grow.ts")).growTopic,
    },
    {
      name: "trim",
      summary: "delete the oldest records",
      words: [TOPIC],
      flags: [
        { name: "--partition", takes: "N", isRepeated: true, doc: "Of these partitions only." },
        { name: "--before", takes: "OFFSET", doc: "Those before an offset." },
        {
          name: "--older-than",
          takes: "TIME",
          doc: "Those before the first one that is younger: 90s, 5m, 2h, 7d.",
        },
        { name: "--all", doc: "All there are." },
        YES,
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{ line: "runnel topic trim orders --older-than 7d", doc: "Keep the last week" }],
      load: async () => (await import("./trim.ts")).trimTopic,
    },
    {
      name: "delete",
      summary: "delete topics with all their records",
      words: [TOPICS],
      flags: [
        {
          name: "--if-present",
          aliases: ["--if-exists"],
          doc: "It is fine if it is not there.",
        },
        YES,
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{ line: "runnel topic delete orders --yes", doc: "Without being asked" }],
      load: async () => (await import("./delete.ts")).deleteTopics,
    },
  ],
};
