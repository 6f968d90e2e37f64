/** `runnel help`: what there is of it. */
import type { Command } from "../command.ts";

const SUMMARY = "print the commands, what there is to say of one, or a page of the book";

export const helpCommand: Command = {
  name: "help",
  summary: SUMMARY,
  actions: [{
    name: "",
    summary: SUMMARY,
    words: [
      {
        name: "TOPIC",
        doc: "A command, or a page of the book; NAME.md is a page where there is a command NAME.",
        isOptional: true,
      },
      { name: "ACTION", doc: "One of the command's actions.", isOptional: true },
    ],
    takesOptions: false,
    examples: [
      { line: "runnel help topic create", doc: "Its flags, with an example" },
      { line: "runnel help operating", doc: "A page of the book; `runnel help` lists them" },
    ],
    load: async () => (await import("../help.ts")).printHelp,
  }],
};
