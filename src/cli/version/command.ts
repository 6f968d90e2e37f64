/** `runnel version`: what there is of it. */
import type { Command } from "../command.ts";

export const versionCommand: Command = {
  name: "version",
  summary: "print the version",
  actions: [{
    name: "",
    summary: "print the version, and what it runs on",
    takesOptions: false,
    load: async () => (await import("./version.ts")).printVersion,
  }],
};
