/** `runnel doctor`: what there is of it. */
import { type Command, CONNECTION, JSON_OUTPUT } from "../command.ts";

export const doctorCommand: Command = {
  name: "doctor",
  summary: "say what keeps a cluster, its clients or this machine from getting on",
  actions: [{
    name: "",
    summary: "say what keeps a cluster, its clients or this machine from getting on",
    flags: [
      {
        name: "--http",
        takes: "URL",
        doc:
          "Where a Runnel answers over HTTP: http://HOST:PORT. Else the host of the broker with the configuration's http_port.",
      },
      {
        name: "--unit",
        takes: "NAME",
        completes: "file",
        doc: "The broker's systemd unit, or the path of its file; runnel.service if not given.",
      },
      {
        name: "--wait",
        takes: "TIME",
        doc: "How far apart the two looks are that tell what moves from what stands; 6s.",
      },
      JSON_OUTPUT,
      ...CONNECTION,
    ],
    examples: [
      { line: "runnel doctor", doc: "The broker of this machine's configuration" },
      {
        line: "runnel doctor --bootstrap kafka:9092 --json",
        doc: "Another, also an Apache Kafka; a finding a line",
      },
    ],
    load: async () => (await import("./doctor.ts")).runDoctor,
  }],
  notes: [
    "It ends with 0 where nothing of weight was found, and with 1 where there is an error or a warning.",
  ],
};
