/** `runnel serve`: what there is of it. Its flags are the broker's options, and read where those are. */
import type { Command } from "../command.ts";

export const serveCommand: Command = {
  name: "serve",
  summary: "run the broker (also when no command is given)",
  notes: ["SIGTERM or SIGINT (Ctrl-C) stops it in order; a second one at once."],
  actions: [{
    name: "",
    summary: "run the broker (also when no command is given)",
    examples: [
      { line: "runnel serve", doc: "For this machine, data in ./runnel-data" },
      { line: "runnel serve --config /etc/runnel/runnel.toml", doc: "As a file says" },
    ],
    flags: [{
      name: "--apply",
      takes: "FILE",
      doc:
        "Make what a state.toml says so at each start, as `runnel apply` does; nothing is taken away.",
      completes: "file",
    }],
    load: async () => {
      const { serve } = await import("../serve.ts");
      return (call, { startBroker }) => {
        const file = call.text("--apply"), apply = file === null ? [] : ["--apply", file];
        return serve([...call.options, ...apply], startBroker);
      };
    },
  }],
};
