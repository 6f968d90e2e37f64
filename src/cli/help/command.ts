/** `runnel help`: what there is of it. */
import type { Command } from "../command.ts";

export const helpCommand: Command = {
  name: "help",
  summary: "print the commands, or what there is to say of one",
  actions: [{
    name: "",
    summary: "print the commands, or what there is to say of one",
    words: [
      { name: "COMMAND", doc: "One of them.", isOptional: true },
      { name: "ACTION", doc: "One of its actions.", isOptional: true },
    ],
    takesOptions: false,
    examples: [{ line: "runnel help topic create", doc: "Its flags, with an example" }],
    load: async () => (await import("../help.ts")).printHelp,
  }],
};
