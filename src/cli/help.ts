/** Help: one table of the commands, from which `runnel help`, `runnel COMMAND --help` and every complaint are made. */
import { flagLines } from "../config/describe.ts";
import { closest } from "../config/near_miss.ts";
import type { Command } from "./command.ts";
import { COMMANDS as TABLE } from "./commands.ts";

export interface CommandHelp {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** How it is called, a line each. */
  readonly usage: readonly string[];
  /** Its own flags, with what they do. */
  readonly flags?: readonly (readonly [flag: string, doc: string])[];
  /** Which of the broker's options it takes: all of them, or none. */
  readonly takesOptions: boolean;
  readonly notes?: readonly string[];
}

const BOOTSTRAP = [
  "--bootstrap HOST:PORT",
  "Where the broker is; --bootstrap-server means the same. Else as --client-config or the configuration has it.",
] as const;

const CLIENT_CONFIG = [
  "--client-config FILE",
  "How to log in there, as properties (security.protocol, sasl.mechanism, …); --command-config means the same.",
] as const;

export const COMMANDS: readonly CommandHelp[] = [
  {
    name: "serve",
    summary: "run the broker (also when no command is given)",
    usage: ["runnel [serve] [--apply FILE] [flags]"],
    flags: [[
      "--apply FILE",
      "Make what a state.toml says so at each start, as `runnel apply` does; nothing is taken away.",
    ]],
    takesOptions: true,
    notes: ["SIGTERM or SIGINT (Ctrl-C) stops it in order; a second one at once."],
  },
  {
    name: "acl",
    summary: "list, add and remove ACLs, or say which of them decides",
    usage: [
      "runnel acl list",
      "runnel acl add USER OPERATION RESOURCE [--prefixed] [--deny] [--host IP] [--force]",
      "runnel acl remove USER OPERATION RESOURCE [--prefixed] [--deny] [--host IP] [--force]",
      "runnel acl check USER OPERATION RESOURCE [--host IP]",
    ],
    flags: [
      ["--prefixed", "Of every resource whose name begins so."],
      ["--deny", "A rule that denies, and beats every one that allows."],
      ["--host IP", "From this address only; every one if not given."],
      ["--force", "Also where nobody is left afterwards who may change ACLs by ACLs."],
      BOOTSTRAP,
      CLIENT_CONFIG,
    ],
    takesOptions: true,
    notes: [
      "RESOURCE is topic:NAME, group:NAME, transactional-id:NAME, delegation-token:ID, user:NAME or cluster.",
      "USER is a name, or a principal with its type; the user * is everybody, the name * every resource.",
      "check ends with 0 where it is allowed and with 3 where it is not.",
    ],
  },
  {
    name: "audit",
    summary: "check that an audit's lines are those that were written",
    usage: ["runnel audit verify [FILE] [--head SEQ:HASH]"],
    flags: [
      [
        "--head SEQ:HASH",
        "What verify printed as the head before: that line must be there still, as it was.",
      ],
    ],
    takesOptions: true,
    notes: [
      "It reads FILE, or the file of audit.file, and those that it was before (audit.hash_chain).",
      "With audit.hash_key the key is read as the broker reads it: RUNNEL_AUDIT_HASH_KEY, --audit-hash-key-file.",
    ],
  },
  {
    name: "backup",
    summary: "copy a serving broker's data, check a copy, or restore one",
    usage: [
      "runnel backup create DEST [--allow-damage] [--bootstrap HOST:PORT] [flags of the broker]",
      "runnel backup verify DEST",
      "runnel backup restore DEST --to DIR [--allow-damage]",
    ],
    flags: [
      ["--allow-damage", "Copy or restore what is damaged too; such partitions stay offline."],
      ["--to DIR", "The data directory that restore makes."],
      BOOTSTRAP,
      CLIENT_CONFIG,
    ],
    takesOptions: true,
    notes: [
      "create runs on the broker's machine: it reads the directory that --storage-path names.",
    ],
  },
  {
    name: "init",
    summary: "make a first configuration, with TLS and an administrator who logs in",
    usage: [
      "runnel init --secure [--dir DIR] [--host NAME …] [--port N] [--storage-path DIR] [--days N]",
      "runnel init --renew [--dir DIR] [--host NAME …] [--days N]",
    ],
    flags: [
      [
        "--secure",
        "Write the configuration, a CA, a certificate, an administrator and client files.",
      ],
      ["--renew", "Replace that certificate by another of the same CA; a running broker takes it."],
      ["--dir DIR", "Where to, or where that is; the current folder if not given."],
      [
        "--host NAME",
        "A name or address by which clients come, the first of them told to clients; several with commas, " +
        "or given again. Without any the broker stays on this machine.",
      ],
      ["--port N", "Where clients connect, 9092 if not given."],
      ["--storage-path DIR", "The data directory, DIR/data if not given."],
      ["--days N", "How long the certificate is good, 365 if not given; the CA is for ten years."],
    ],
    takesOptions: false,
    notes: ["It overwrites nothing: what is in the way is named."],
  },
  {
    name: "quota",
    summary: "list, set and unset what users, client ids and addresses may use",
    usage: [
      "runnel quota list [--user NAME] [--client-id ID] [--ip ADDRESS]",
      "runnel quota set [--user NAME] [--client-id ID] KEY=VALUE…",
      "runnel quota set --ip ADDRESS connection_creation_rate=VALUE",
      "runnel quota unset [--user NAME] [--client-id ID] [--ip ADDRESS] KEY…",
    ],
    flags: [
      ["--user NAME", "A user's; with --client-id that user's with this client id."],
      ["--client-id ID", "A client id's."],
      ["--ip ADDRESS", "An address's."],
      ["--default-user", "In place of --user NAME: of each user that has none of its own."],
      ["--default-client-id", "The same of client ids."],
      ["--default-ip", "The same of addresses."],
      BOOTSTRAP,
      CLIENT_CONFIG,
    ],
    takesOptions: true,
    notes: [
      "KEY is producer_byte_rate, consumer_byte_rate (bytes a second), request_percentage (of the event loop's time) or",
      "controller_mutation_rate (partitions made and deleted a second); of addresses connection_creation_rate (a second).",
    ],
  },
  {
    name: "storage",
    summary: "look at the directory of a stopped broker, and decide about damage",
    usage: [
      "runnel storage verify [--storage-path DIR]",
      "runnel storage repair --partition TOPIC-N [--cut] [--storage-path DIR]",
    ],
    flags: [
      ["--partition TOPIC-N", "The partition's folder, as verify names it."],
      ["--cut", "Do it; without it repair only says what would be lost."],
    ],
    takesOptions: true,
  },
  {
    name: "token",
    summary: "delegation tokens: make one, list, renew or end them",
    usage: [
      "runnel token create [--owner USER] [--renewer USER,…] [--for TIME]",
      "runnel token list [--owner USER,…]",
      "runnel token renew ID [--for TIME]",
      "runnel token expire ID [--for TIME]",
    ],
    flags: [
      [
        "--owner USER",
        "create: who one is with it, who asks if not given; list: only those of, for or by these.",
      ],
      ["--renewer USER,…", "Who may renew and end it besides its owner."],
      [
        "--for TIME",
        "90s, 30m, 12h, 7d. create: how old it may become; renew, expire: how long from now, expire at once if not given.",
      ],
      BOOTSTRAP,
      CLIENT_CONFIG,
    ],
    takesOptions: true,
    notes: [
      'create prints the password, once. A Java client logs in with both and tokenauth="true" by SCRAM.',
    ],
  },
  {
    name: "txn",
    summary: "list transactions, describe one, find those that hang, or abort one",
    usage: [
      "runnel txn list [--state STATE,…] [--longer-than SECONDS] [--pattern RE2] [--producer-id N]",
      "runnel txn describe ID",
      "runnel txn find-hanging [--topic T [--partition N]] [--longer-than SECONDS]",
      "runnel txn abort ID",
      "runnel txn abort --topic T --partition N --start-offset N [--force]",
    ],
    flags: [
      ["--state STATE,…", "Only those in one of these states: Ongoing, PrepareCommit, …"],
      [
        "--longer-than SECONDS",
        "list: open for longer; find-hanging: no record for longer, 900 if not given.",
      ],
      ["--pattern RE2", "Only ids that match this regular expression as a whole."],
      ["--topic T", "The topic to search, or to abort in."],
      ["--partition N", "The same of the partition."],
      ["--start-offset N", "Where the transaction to abort begins in that partition."],
      [
        "--producer-id N",
        "list: only this producer's. abort: in place of --start-offset, with the two below.",
      ],
      ["--producer-epoch N", "The epoch that the abort marker is to bear."],
      ["--coordinator-epoch N", "The coordinator's epoch in it."],
      ["--force", "Abort in this partition alone, though a coordinator has the transaction."],
      BOOTSTRAP,
      CLIENT_CONFIG,
    ],
    takesOptions: true,
    notes: [
      "abort ID fences the producer of that id: its next request is refused.",
      "abort --topic is for transactions that hang: it writes an abort marker into that partition.",
    ],
  },
  {
    name: "user",
    summary:
      "who may log in: in the users file, or with --bootstrap or --client-config in a running cluster",
    usage: [
      "runnel user add NAME [--mechanism M] [--iterations N] [--password-stdin] [--bootstrap HOST:PORT]",
      "runnel user list [--bootstrap HOST:PORT]",
      "runnel user delete NAME [--bootstrap HOST:PORT]",
    ],
    flags: [
      ["--mechanism M", "SCRAM-SHA-256 or SCRAM-SHA-512; both if not given."],
      ["--iterations N", "How dear a guess is, 4096 (as Kafka's tools have it) to 16384."],
      ["--password-stdin", "Read the password from standard input; else it is asked for."],
      BOOTSTRAP,
      CLIENT_CONFIG,
    ],
    takesOptions: true,
    notes: [
      "Without --bootstrap and --client-config it writes the file of --auth-users-file, also before the first start.",
    ],
  },
  { name: "version", summary: "print the version", usage: ["runnel version"], takesOptions: false },
  {
    name: "help",
    summary: "print this, or what there is to say of a command",
    usage: ["runnel help [COMMAND]", "runnel COMMAND --help"],
    takesOptions: false,
  },
];

export function runHelp(): number {
  console.log(helpText());
  return 0;
}

/** Of all commands. */
export function helpText(): string {
  const usage = [
    ...TABLE.map((command) => `  ${tableUsage(command)}`),
    ...COMMANDS.filter(({ usage }) => usage.length > 1).map(({ usage }) =>
      usage.map((line) => `  ${line}`).join("\n")
    ),
  ];
  return `Usage: runnel [command] [flags]

Commands
${[...TABLE, ...COMMANDS].map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join("\n")}

${usage.join("\n")}

Flags
${optionLines().join("\n")}

${OPTIONS_NOTE}`;
}

/** "runnel topic list|create|… (more: runnel topic --help)" */
function tableUsage({ name, actions }: Command): string {
  const named = actions.map((action) => action.name).filter((one) => one !== "");
  return `runnel ${name}${
    named.length === 0 ? "" : ` ${named.join("|")}`
  } (more: runnel ${name} --help)`;
}

/** Of one command. */
export function commandHelp(name: string): string {
  const { summary, usage, flags = [], takesOptions, notes = [] } = commandOf(name);
  const parts = [
    `runnel ${name}: ${summary}`,
    ["Usage", ...usage.map((line) => `  ${line}`)].join("\n"),
  ];
  const own = flags.map(([flag, doc]) => flagLine(flag, doc));
  if (own.length > 0 && name !== "serve") parts.push(["Flags", ...own].join("\n"));
  if (notes.length > 0) parts.push(notes.join("\n"));
  if (name === "serve") {
    parts.push(["Flags", ...own, ...optionLines()].join("\n"), OPTIONS_NOTE);
  } else if (takesOptions) {
    parts.push("It takes the broker's flags, variables and configuration file too: `runnel help`.");
  }
  return parts.join("\n\n");
}

/** How a command, or one of its actions, is called, in one line, for who called it otherwise. */
export function usageOf(name: string, action?: string): string {
  const { usage } = commandOf(name);
  const ofAction = usage.filter((line) => line.startsWith(`runnel ${name} ${action}`));
  return `${(ofAction.length > 0 ? ofAction : usage).join(" | ")} (more: runnel ${name} --help)`;
}

/** What to say of a command that there is none of. */
export function unknownCommand(name: string): string {
  const names = [...TABLE, ...COMMANDS].map((command) => command.name);
  const near = closest(name, names), known = names.join(", ");
  const told = `There is no command ${name}`;
  return near === null
    ? `${told}; there are ${known}: \`runnel help\` says more`
    : `${told}: did you mean ${near}? \`runnel help\` says what there is`;
}

function commandOf(name: string): CommandHelp {
  return COMMANDS.find((command) => command.name === name)!;
}

function optionLines(): string[] {
  return [
    flagLine("--config FILE", "Configuration file; else ./runnel.toml, /etc/runnel/runnel.toml."),
    flagLine("--debug", "The same as --log-level=debug."),
    ...flagLines(),
    flagLine(
      "--topic-NAME",
      "A topic default under Kafka's name, with - for . (--topic-retention-ms=60000).",
    ),
  ];
}

function flagLine(flag: string, doc: string): string {
  return `  ${flag.padEnd(34)}  ${doc}`;
}

const OPTIONS_NOTE =
  "Each flag has a variable (--kafka-port: RUNNEL_KAFKA_PORT) and a key in the file (kafka_port).";
