/**
 * Command: what the command line offers, as data. Help, parsing, completion and the book are made of the same table
 * (commands.ts); what a command does is loaded when it runs.
 */
import type { Call } from "./call.ts";
import type { StartBroker } from "./serve.ts";

export interface Command {
  /** "topic" */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** One without a name is what the command itself does: `runnel version`. */
  readonly actions: readonly Action[];
  /** Behind its help. */
  readonly notes?: readonly string[];
}

/** What is run: `runnel topic create`. */
export interface Action {
  /** "create"; "" for the command itself. */
  readonly name: string;
  readonly summary: string;
  readonly words?: readonly Word[];
  readonly flags?: readonly Flag[];
  readonly examples?: readonly Example[];
  /** Whether it takes the broker's flags too, since it reads the configuration as the broker does; it does if not given. */
  readonly takesOptions?: boolean;
  readonly load: () => Promise<Run>;
}

/** Resolves with the process's exit code. */
export type Run = (call: Call, surroundings: { readonly startBroker: StartBroker }) => Promise<
  number
>;

/** What is no flag: a name, a file. */
export interface Word {
  /** "TOPIC" */
  readonly name: string;
  readonly doc: string;
  readonly isOptional?: boolean;
  /** Any number of them, one at least unless it is optional; the last word alone. */
  readonly isRepeated?: boolean;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
}

export interface Flag {
  /** "--partitions" */
  readonly name: string;
  /** What it takes: "N", "FILE"; it stands alone where there is nothing. */
  readonly takes?: string;
  readonly doc: string;
  /** Other names of it, which help does not list. */
  readonly aliases?: readonly string[];
  /** Given several times it has several values; else the last one counts. */
  readonly isRepeated?: boolean;
  readonly choices?: readonly string[];
  /** Taken too, and neither listed nor completed: what others call the same. */
  readonly otherChoices?: readonly string[];
  readonly completes?: Completes;
}

/** What stands for a word or value, for completion: files, or names from the broker; a resource is of the kind that the word before says. */
export type Completes = "file" | "group" | "resource" | "topic";

export interface Example {
  /** "runnel topic create orders --partitions 6" */
  readonly line: string;
  /** What it does. */
  readonly doc: string;
}

/** How a command finds the broker and speaks to it. */
export const CONNECTION: readonly Flag[] = [
  {
    name: "--bootstrap",
    takes: "HOST:PORT",
    aliases: ["--bootstrap-server"],
    doc: "Where the broker is; else RUNNEL_BOOTSTRAP, else where the configuration has it.",
  },
  {
    name: "--client-config",
    takes: "FILE",
    aliases: ["--command-config"],
    completes: "file",
    doc:
      "How to log in there, as a Java client's properties (security.protocol, sasl.mechanism, …).",
  },
  {
    name: "--profile",
    takes: "NAME",
    doc: "The same from ~/.config/runnel/NAME.properties, which may say bootstrap.servers too.",
  },
];

/** For scripts. */
export const JSON_OUTPUT: Flag = { name: "--json", doc: "As JSON, on one line each." };

/** Of what destroys. */
export const YES: Flag = { name: "--yes", doc: "Do not ask; needed without a terminal." };
