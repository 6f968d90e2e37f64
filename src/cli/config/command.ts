/** `runnel config`: what there is of it. */
import { type Command, CONNECTION, JSON_OUTPUT, type Word } from "../command.ts";
import { KINDS } from "./resource.ts";

const KIND: Word = {
  name: "KIND",
  doc: "Whose: topic, broker, group or client.",
  choices: KINDS,
};
const NAME: Word = {
  name: "NAME",
  doc:
    "The topic or group; the broker's id, or default for all brokers; the client metrics subscription.",
  completes: "resource",
};

export const configCommand: Command = {
  name: "config",
  summary: "print the broker's options, or get, set and compare configs in a running cluster",
  notes: [
    "Without an action it prints every option of the broker with its value and where it came from; `runnel serve --help` " +
    "lists their flags.",
  ],
  actions: [
    {
      name: "",
      summary: "print every option with its value and where it came from",
      flags: [JSON_OUTPUT],
      examples: [{ line: "runnel config --kafka-port 9093", doc: "What the broker would go by" }],
      load: async () => (await import("./options.ts")).printOptions,
    },
    {
      name: "get",
      summary: "print the configs that are set on a topic, broker, group or client",
      words: [
        KIND,
        NAME,
        { name: "CONFIG", doc: "Only these, set or not.", isOptional: true, isRepeated: true },
      ],
      flags: [
        { name: "--all", doc: "All that it goes by." },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [
        { line: "runnel config get topic orders", doc: "What differs from the defaults" },
        { line: "runnel config get broker 0 --all", doc: "Everything one goes by" },
      ],
      load: async () => (await import("./get.ts")).getConfigs,
    },
    {
      name: "set",
      summary: "set configs, all or none",
      words: [KIND, NAME, {
        name: "CONFIG=VALUE",
        doc: "By Kafka's names: retention.ms=60000.",
        isRepeated: true,
      }],
      flags: [
        { name: "--dry-run", doc: "Only say whether the broker would." },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{
        line: "runnel config set group billing consumer.session.timeout.ms=60000",
        doc: "A group's own",
      }],
      load: async () => (await import("./set.ts")).setConfigs,
    },
    {
      name: "unset",
      summary: "take configs back to their defaults, all or none",
      words: [KIND, NAME, { name: "CONFIG", doc: "By Kafka's names.", isRepeated: true }],
      flags: [
        { name: "--dry-run", doc: "Only say whether the broker would." },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{ line: "runnel config unset topic orders retention.ms", doc: "As others" }],
      load: async () => (await import("./set.ts")).unsetConfigs,
    },
    {
      name: "diff",
      summary: "compare configs of two of a kind, or of one with the same in another cluster",
      words: [KIND, NAME, {
        name: "OTHER",
        doc: "The other one; NAME itself if not given.",
        completes: "resource",
        isOptional: true,
      }],
      flags: [
        {
          name: "--other-bootstrap",
          takes: "HOST:PORT",
          doc: "Where the other one is, if elsewhere; reached as the first.",
        },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [
        { line: "runnel config diff topic orders payments", doc: "Exit code 2 where they differ" },
        {
          line: "runnel config diff topic orders --other-bootstrap kafka:9092",
          doc: "The same topic elsewhere",
        },
      ],
      load: async () => (await import("./diff.ts")).diffConfigs,
    },
  ],
};
