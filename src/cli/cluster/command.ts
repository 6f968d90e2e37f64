/** `runnel cluster`: what there is of it. */
import { type Command, CONNECTION, JSON_OUTPUT } from "../command.ts";

export const clusterCommand: Command = {
  name: "cluster",
  summary: "show a cluster's brokers, features, sizes and the versions it speaks",
  actions: [{
    name: "",
    summary: "show a cluster's brokers, features, sizes and the versions it speaks",
    flags: [
      { name: "--apis", doc: "The versions of each request too." },
      JSON_OUTPUT,
      ...CONNECTION,
    ],
    examples: [
      { line: "runnel cluster", doc: "Who is in it and how full it is" },
      { line: "runnel cluster --apis --bootstrap kafka:9092", doc: "What a Kafka speaks" },
    ],
    load: async () => (await import("./show.ts")).showCluster,
  }],
};
