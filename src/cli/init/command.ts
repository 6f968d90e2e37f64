/** `runnel init`: what there is of it. */
import type { Command } from "../command.ts";

export const initCommand: Command = {
  name: "init",
  summary: "make a first configuration, with TLS and an administrator who logs in",
  notes: ["It overwrites nothing: what is in the way is named."],
  actions: [{
    name: "",
    summary: "make a first configuration, with TLS and an administrator who logs in",
    flags: [
      {
        name: "--secure",
        doc: "Write the configuration, a CA, a certificate, an administrator and client files.",
      },
      {
        name: "--renew",
        doc: "Replace that certificate by another of the same CA; a running broker takes it.",
      },
      {
        name: "--dir",
        takes: "DIR",
        completes: "file",
        doc: "Where to, or where that is; the current folder if not given.",
      },
      {
        name: "--host",
        takes: "NAME,…",
        isRepeated: true,
        doc:
          "A name or address by which clients come, the first of them told to clients; several with commas, or given again. Without any the broker stays on this machine.",
      },
      { name: "--port", takes: "N", doc: "Where clients connect, 9092 if not given." },
      {
        name: "--storage-path",
        takes: "DIR",
        completes: "file",
        doc: "The data directory, DIR/data if not given.",
      },
      {
        name: "--days",
        takes: "N",
        doc: "How long the certificate is good, 365 if not given; the CA is for ten years.",
      },
    ],
    takesOptions: false,
    examples: [
      {
        line: "runnel init --secure --dir /etc/runnel --host broker.example.com",
        doc: "For clients on other machines",
      },
      { line: "runnel init --renew --dir /etc/runnel", doc: "Another certificate, a year on" },
    ],
    load: async () => (await import("./init.ts")).makeConfiguration,
  }],
};
