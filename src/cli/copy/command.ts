/** `runnel copy`: what there is of it. */
import { type Command, type Flag, JSON_OUTPUT } from "../command.ts";

export const copyCommand: Command = {
  name: "copy",
  summary: "copy topics to another cluster, with configs and offsets of groups",
  actions: [{
    name: "",
    summary: "copy topics to another cluster, with configs and offsets of groups",
    words: [{
      name: "TOPIC",
      doc: "Names of topics at the source; or --topics.",
      completes: "topic",
      isRepeated: true,
      isOptional: true,
    }],
    flags: [
      ...sideFlags("from", "The source"),
      ...sideFlags("to", "The target"),
      {
        name: "--topics",
        takes: "RE2",
        doc: "Topics whose whole name matches, but for Kafka's own.",
      },
      {
        name: "--rename",
        takes: "SOURCE=TARGET",
        isRepeated: true,
        doc: "What a topic is called at the target. May be given several times.",
      },
      { name: "--prefix", takes: "TEXT", doc: "What comes before the name of every other topic." },
      {
        name: "--groups",
        takes: "RE2",
        doc: "Offsets of these groups only, in place of all that have some in these topics.",
      },
      { name: "--without-groups", doc: "No offsets of groups." },
      {
        name: "--follow",
        doc: "Go on with what comes until Ctrl-C, in place of ending at today's end.",
      },
      {
        name: "--append",
        doc: "Records that a topic of the target has already may stay in front.",
      },
      {
        name: "--compression",
        takes: "CODEC",
        doc: "In place of what each batch has.",
        choices: ["none", "gzip", "snappy", "lz4", "zstd"],
      },
      {
        name: "--replicas",
        takes: "N",
        doc: "Of topics that are made; else the target's default.replication.factor.",
      },
      {
        name: "--name",
        takes: "NAME",
        doc: "Of this copy, which its progress is kept under; else the id of the source's cluster.",
      },
      { name: "--dry-run", doc: "Only say what would be copied." },
      JSON_OUTPUT,
    ],
    examples: [
      {
        line: "runnel copy orders payments --from old:9092 --to new:9092",
        doc: "Two topics, or what has come since they were copied",
      },
      {
        line: "runnel copy --topics 'shop\\..*' --from-profile old --to-profile new --dry-run",
        doc: "What would be copied, by profiles that say where and how to log in",
      },
      {
        line: "runnel copy --topics '.*' --from old:9092 --to new:9092 --follow",
        doc: "Everything, and then what comes",
      },
    ],
    takesOptions: false,
    load: async () => (await import("./copy.ts")).copy,
  }],
  notes: [
    "Whatever ends it, the same command goes on where it was: no record comes twice, none is left out.",
  ],
};

function sideFlags(side: "from" | "to", what: string): Flag[] {
  return [
    { name: `--${side}`, takes: "HOST:PORT", doc: `${what}.` },
    {
      name: `--${side}-client-config`,
      takes: "FILE",
      completes: "file",
      doc: "How to log in there, as a Java client's properties, which may say bootstrap.servers.",
    },
    {
      name: `--${side}-profile`,
      takes: "NAME",
      doc: "The same from ~/.config/runnel/NAME.properties.",
    },
  ];
}
