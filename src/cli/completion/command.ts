/** `runnel completion`: what there is of it. */
import type { Command } from "../command.ts";
import { SHELLS } from "./shells.ts";

export const completionCommand: Command = {
  name: "completion",
  summary: "print a script by which a shell completes commands, flags and names",
  notes: [
    "Names of topics and groups are asked for from the broker that the line names, or the one of RUNNEL_BOOTSTRAP, the " +
    "profile or the configuration; where none answers within a third of a second there are none. No name is ever evaluated.",
  ],
  actions: [{
    name: "",
    summary: "print a script by which a shell completes commands, flags and names",
    words: [{
      name: "SHELL",
      doc: `${SHELLS.slice(0, -1).join(", ")} or ${SHELLS.at(-1)}.`,
      choices: SHELLS,
    }],
    takesOptions: false,
    examples: [
      {
        line: "runnel completion bash > ~/.local/share/bash-completion/completions/runnel",
        doc: "bash, from the next one on; `source <(runnel completion bash)` for this one",
      },
      {
        line: "runnel completion zsh > ~/.zfunc/_runnel",
        doc: "zsh, where that folder is in $fpath before compinit",
      },
      {
        line: "runnel completion fish > ~/.config/fish/completions/runnel.fish",
        doc: "fish",
      },
    ],
    load: async () => (await import("./scripts.ts")).printScript,
  }],
};
