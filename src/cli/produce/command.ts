/** `runnel produce`: what there is of it. */
import { type Command, CONNECTION, type Flag } from "../command.ts";

const CONTENT: readonly Flag[] = [
  {
    name: "--key-separator",
    takes: "TEXT",
    doc: "Each line is a key, this and a value; \\t is a tab. A line without it is refused.",
  },
  { name: "--key", takes: "TEXT", doc: "The key of every record." },
  {
    name: "--null",
    takes: "TEXT",
    doc: "A key or value that is this text is null; if not given none is.",
  },
  { name: "--value", takes: "TEXT", doc: "Send this value, and read nothing." },
  { name: "--tombstone", doc: "Send a null value for --key, and read nothing." },
  { name: "--whole", doc: "Each FILE is one value, not its lines." },
  { name: "--json", doc: "Each line is a record as consume --json prints it." },
  {
    name: "--keep-partition",
    doc: "Of --json: into the partition that the line says, not by key.",
  },
  {
    name: "--header",
    takes: "NAME=VALUE",
    isRepeated: true,
    doc: "A header of every record; NAME= has an empty value, NAME none.",
  },
  { name: "--timestamp", takes: "MS", doc: "Of every record, ms since 1970; now if not given." },
];

const SENDING: readonly Flag[] = [
  { name: "--partition", takes: "N", doc: "Into this partition; else by key, or any." },
  {
    name: "--compression",
    takes: "CODEC",
    doc: "How batches are compressed; none if not given.",
    choices: ["none", "gzip", "snappy", "lz4", "zstd"],
  },
  {
    name: "--acks",
    takes: "WHO",
    doc: "Who must have a record before it counts as sent; all in-sync replicas if not given.",
    choices: ["all", "leader", "none"],
    otherChoices: ["-1", "1", "0"],
  },
  {
    name: "--idempotent",
    takes: "YES",
    doc: "Each record once and in order, over retries too; yes with --acks all if not given.",
    choices: ["yes", "no"],
  },
  { name: "--rate", takes: "N", doc: "Records a second at most." },
  { name: "--count", takes: "N", doc: "End after so many records; --value so many times." },
  { name: "--report", doc: "Print where each went, as JSON on one line each." },
];

export const produceCommand: Command = {
  name: "produce",
  summary: "send records to a topic",
  actions: [{
    name: "",
    summary: "send records to a topic",
    words: [
      { name: "TOPIC", doc: "The topic's name.", completes: "topic" },
      {
        name: "FILE",
        doc: "Files whose lines are sent; - or none is standard input.",
        isOptional: true,
        isRepeated: true,
        completes: "file",
      },
    ],
    flags: [...CONTENT, ...SENDING, ...CONNECTION],
    examples: [
      { line: "runnel produce orders < orders.txt", doc: "A record a line" },
      { line: "runnel produce orders --key 17 --value shipped", doc: "One record" },
      { line: "runnel produce orders --key 17 --tombstone", doc: "The end of a key" },
      {
        line: "runnel consume orders --json | runnel produce copies --json",
        doc: "Without loss: bytes, headers, timestamps, nulls",
      },
    ],
    load: async () => (await import("./produce.ts")).produce,
  }],
  notes: [
    "A line or a file may have 32 MiB. An empty line is a record with an empty value.",
    "It ends at the first record that fails, exit code 1; what was sent before is finished. Ctrl-C: 130.",
  ],
};
