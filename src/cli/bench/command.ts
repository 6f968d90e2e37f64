/** `runnel bench`: what there is of it. */
import { type Command, CONNECTION, type Flag, JSON_OUTPUT, type Word } from "../command.ts";
import { CONSUMING } from "./consuming.ts";
import { LIMITS } from "./limits.ts";
import { SENDING } from "./sending.ts";

const OPTIONAL_TOPIC: Word = {
  name: "TOPIC",
  doc: "One that is there; without it one is made for this, and deleted behind it.",
  isOptional: true,
  completes: "topic",
};

const OWN_TOPIC: readonly Flag[] = [
  { name: "--create", doc: "Make TOPIC if it is not there; it stays." },
  { name: "--keep", doc: "Do not delete the topic that was made without a name." },
  { name: "--partitions", takes: "N", doc: "Of a topic that is made; 1 if not given." },
];

const RATE: Flag = {
  name: "--rate",
  takes: "N",
  doc: "Records a second. One that goes out late counts from when it was due.",
};

const LINGER: Flag = {
  name: "--linger",
  takes: "TIME",
  doc:
    "How long a record may wait for company; while too many batches are on their way if not given.",
};

export const benchCommand: Command = {
  name: "bench",
  summary: "measure a cluster: produce, consume, and from end to end",
  actions: [
    {
      name: "produce",
      summary: "measure how fast records go in, and how long each takes",
      words: [OPTIONAL_TOPIC],
      flags: [
        ...OWN_TOPIC,
        ...LIMITS,
        { ...RATE, doc: `${RATE.doc} As fast as it goes if not given.` },
        ...SENDING,
        {
          name: "--batch-bytes",
          takes: "N",
          doc: "A batch stops growing here; 131072 if not given.",
        },
        LINGER,
        {
          name: "--in-flight",
          takes: "N",
          doc: "Batches of a partition on their way at once; 5 if not given.",
        },
        { name: "--connections", takes: "N", doc: "Producers, each with its own; 1 if not given." },
        {
          name: "--buffer-bytes",
          takes: "N",
          doc:
            "What a producer may have that is not acknowledged; 8388608 if not given, less with many connections.",
        },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [
        {
          line: "runnel bench produce",
          doc: "As fast as it goes for 10 s, into a topic of its own",
        },
        {
          line: "runnel bench produce --size 100 --rate 50000 --for 1m --acks leader",
          doc: "How long records take at a rate that others have to bear too",
        },
      ],
      load: async () => (await import("./produce.ts")).benchProduce,
    },
    {
      name: "consume",
      summary: "measure how fast records come out",
      words: [{ ...OPTIONAL_TOPIC, doc: "The topic's name.", isOptional: false }],
      flags: [...CONSUMING, ...LIMITS, JSON_OUTPUT, ...CONNECTION],
      examples: [
        { line: "runnel bench consume orders", doc: "All there is, as fast as it comes" },
        {
          line: "runnel bench consume orders --from end --for 1m",
          doc: "What is produced meanwhile",
        },
      ],
      load: async () => (await import("./consume.ts")).benchConsume,
    },
    {
      name: "e2e",
      summary: "measure how long records take from a producer to a consumer",
      words: [OPTIONAL_TOPIC],
      flags: [
        ...OWN_TOPIC,
        ...LIMITS,
        { ...RATE, doc: `${RATE.doc} 1000 if not given.` },
        ...SENDING,
        LINGER,
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{
        line: "runnel bench e2e --rate 5000 --size 200 --acks leader",
        doc: "From send to poll, by the clock of one process",
      }],
      load: async () => (await import("./e2e.ts")).benchE2e,
    },
  ],
  notes: [
    "How far it is goes to standard error, the result to standard output. MB are 10^6 bytes of keys and values.",
    "Ctrl-C ends it with what was measured until then, exit code 130; a record that fails ends it too, exit code 1.",
  ],
};
