/** `runnel txn`: what there is of it. */
import { type Command, CONNECTION, type Flag, JSON_OUTPUT, YES } from "../command.ts";

const LONGER_THAN: Flag = {
  name: "--longer-than",
  takes: "TIME",
  doc: "Only those that are open for longer: 90s, 5m.",
};

export const txnCommand: Command = {
  name: "txn",
  summary: "list transactions, describe one, find those that hang, or abort one",
  notes: [
    "abort ID fences the producer of that id: its next request is refused.",
    "abort --topic is for transactions that hang: it writes an abort marker into that partition.",
  ],
  actions: [
    {
      name: "list",
      summary: "list transactional ids with their states",
      flags: [
        {
          name: "--state",
          takes: "STATE,…",
          doc: "Only those in one of these states: Ongoing, PrepareCommit, …",
        },
        LONGER_THAN,
        {
          name: "--pattern",
          takes: "RE2",
          doc: "Only ids that match this regular expression as a whole.",
        },
        { name: "--producer-id", takes: "N", doc: "Only this producer's." },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{
        line: "runnel txn list --state Ongoing --longer-than 1m",
        doc: "Open for more than a minute",
      }],
      load: async () => (await import("./list.ts")).listTxns,
    },
    {
      name: "describe",
      summary: "show a transaction's producer, age and partitions",
      words: [{ name: "ID", doc: "The transactional id." }],
      flags: [JSON_OUTPUT, ...CONNECTION],
      examples: [{ line: "runnel txn describe copier", doc: "What it holds open" }],
      load: async () => (await import("./describe.ts")).describeTxn,
    },
    {
      name: "find-hanging",
      summary: "find transactions that nobody will end",
      flags: [
        { name: "--topic", takes: "T", doc: "Only in this topic.", completes: "topic" },
        { name: "--partition", takes: "N", doc: "Only in this partition of it." },
        { ...LONGER_THAN, doc: "Those without a record for longer, 15m if not given." },
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [{ line: "runnel txn find-hanging", doc: "Everywhere" }],
      load: async () => (await import("./find_hanging.ts")).findHangingTxns,
    },
    {
      name: "abort",
      summary: "abort a transaction by its id, or one that hangs in a partition",
      words: [{ name: "ID", doc: "The transactional id.", isOptional: true }],
      flags: [
        { name: "--topic", takes: "T", doc: "The topic to abort in.", completes: "topic" },
        { name: "--partition", takes: "N", doc: "The partition of it." },
        {
          name: "--start-offset",
          takes: "N",
          doc: "Where the transaction begins in that partition.",
        },
        {
          name: "--producer-id",
          takes: "N",
          doc: "In place of --start-offset, with the two below.",
        },
        {
          name: "--producer-epoch",
          takes: "N",
          doc: "The epoch that the abort marker is to bear.",
        },
        { name: "--coordinator-epoch", takes: "N", doc: "The coordinator's epoch in it." },
        {
          name: "--force",
          doc: "Abort in this partition alone, though a coordinator has the transaction.",
        },
        YES,
        JSON_OUTPUT,
        ...CONNECTION,
      ],
      examples: [
        { line: "runnel txn abort copier", doc: "And fence its producer" },
        {
          line: "runnel txn abort --topic orders --partition 0 --start-offset 17",
          doc: "One that hangs, as find-hanging prints it",
        },
      ],
      load: async () => (await import("./abort.ts")).abortTxn,
    },
  ],
};
