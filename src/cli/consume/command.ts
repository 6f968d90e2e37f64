/** `runnel consume`: what there is of it. */
import { type Command, CONNECTION, JSON_OUTPUT } from "../command.ts";

export const consumeCommand: Command = {
  name: "consume",
  summary: "print records of topics",
  actions: [{
    name: "",
    summary: "print records of topics",
    words: [{
      name: "TOPIC",
      doc: "Names of topics.",
      isRepeated: true,
      completes: "topic",
    }],
    flags: [
      {
        name: "--offset",
        takes: "[P=]START:END",
        isRepeated: true,
        doc:
          "From where to where, of all partitions or of partition P: start, end, 120, +10 behind the start, -10 before the end, @TIME. The end is not part of it.",
      },
      {
        name: "--last",
        takes: "N",
        doc: "From N offsets before the end of each partition; the same as --offset -N.",
      },
      { name: "--partition", takes: "N,…", isRepeated: true, doc: "Of these partitions only." },
      {
        name: "--group",
        takes: "GROUP",
        doc:
          "As a member of this group: it says which partitions and from where, and what was printed is committed.",
        completes: "group",
      },
      { name: "--follow", doc: "Go on with what comes, in place of ending at today's end." },
      {
        name: "--count",
        takes: "N",
        aliases: ["--max-messages"],
        doc: "End after so many records.",
      },
      { name: "--for", takes: "TIME", doc: "End after this time: 90s, 5m, 2h." },
      {
        name: "--uncommitted",
        doc: "Also records of transactions that are open or were aborted.",
      },
      { name: "--key", takes: "TEXT", doc: "Only records with this key." },
      { name: "--key-pattern", takes: "RE2", doc: "Only those in whose key this is found." },
      {
        name: "--header",
        takes: "NAME=TEXT",
        isRepeated: true,
        doc: "Only those with such a header; NAME alone: whatever its value.",
      },
      {
        name: "--where",
        takes: "JSONPATH",
        doc:
          "Only those in whose value, which is JSON, this finds something (RFC 9535): '$[?$.price > 3]'.",
      },
      {
        name: "--key-separator",
        takes: "TEXT",
        doc: "Print the key and this before each value; \\t is a tab.",
      },
      {
        name: "--format",
        takes: "TEXT",
        doc:
          "As kcat's -f: %t %p %o %T topic, partition, offset, timestamp; %k %s %h key, value, headers; %K %S %R lengths; \\n ends a line.",
      },
      {
        name: "--csv",
        doc:
          "As CSV with a header; cells that a program for tables would run get an apostrophe in front.",
      },
      {
        name: "--null",
        takes: "TEXT",
        doc: "What stands for null in lines (null if not given) and --format (nothing).",
      },
      { name: "--raw", doc: "Let a terminal have the bytes as they are." },
      { ...JSON_OUTPUT, doc: "As JSON, on one line each, without loss: produce --json takes it." },
      ...CONNECTION,
    ],
    examples: [
      { line: "runnel consume orders", doc: "All there are now" },
      { line: "runnel consume orders --offset @-1h: --json", doc: "Of the last hour, as JSON" },
      {
        line: "runnel consume orders --format '%T %k %s\\n'",
        doc: "Timestamp, key and value on a line",
      },
      {
        line: `runnel consume orders --where '$.items[?@.price > 100]'`,
        doc: "Orders with something dear in them",
      },
      {
        line: "runnel consume orders --group billing --count 10",
        doc: "The next ten for a group",
      },
      { line: "runnel consume orders --last 10 --follow", doc: "As tail -f does" },
      {
        line: "runnel consume orders --offset @2026-11-30T08:00:15m",
        doc: "A quarter of an hour that day, UTC",
      },
    ],
    load: async () => (await import("./consume.ts")).consume,
  }],
  notes: [
    "TIME is -1h before now, 2026-11-30, 2026-11-30T08:00Z (UTC unless it says otherwise) or ms since 1970.",
    "--count counts what passes --key, --key-pattern, --header and --where, all of which have to hold.",
    "A group reads what it has not committed from the start on. Members speak the protocol of KIP-848 (Kafka 4).",
    "Without --follow it ends where the partitions ended when it began. Ctrl-C ends it with what it has.",
  ],
};
