/** `runnel health`: what there is of it. */
import type { Command } from "../command.ts";

export const healthCommand: Command = {
  name: "health",
  summary: "ask whether the broker of this machine's configuration serves, by /readyz",
  notes: ["Exit code 0 where it serves, 1 where it does not: for the health check of a container."],
  actions: [{
    name: "",
    summary: "ask /readyz of the broker of this machine's configuration, and print what it says",
    examples: [{ line: "runnel health", doc: "Ready, or what is wrong" }],
    load: async () => (await import("./health.ts")).health,
  }],
};
