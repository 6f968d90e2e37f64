/** Pages: the book that is in the executable, a page of docs/ each, in the order in which one would read them. */
import { COMMANDS } from "../commands.ts";

export interface Page {
  /** As one asks for it: "getting-started" is docs/getting-started.md. */
  readonly name: string;
  /** What it is about, in the list of pages. */
  readonly about: string;
  /** Its Markdown. */
  readonly load: () => Promise<string>;
}

const text = (loading: Promise<{ default: string }>) => loading.then((module) => module.default);

export const PAGES: readonly Page[] = [
  {
    name: "getting-started",
    about: "from nothing to records and a group that reads them",
    load: () => text(import("../../../docs/getting-started.md", { with: { type: "text" } })),
  },
  {
    name: "topics",
    about: "topics, their configs, how long records stay",
    load: () => text(import("../../../docs/topics.md", { with: { type: "text" } })),
  },
  {
    name: "groups",
    about: "groups of consumers: who reads what, how far",
    load: () => text(import("../../../docs/groups.md", { with: { type: "text" } })),
  },
  {
    name: "transactions",
    about: "all or nothing, and what hangs",
    load: () => text(import("../../../docs/transactions.md", { with: { type: "text" } })),
  },
  {
    name: "durability",
    about: "what is kept, and when it is said so",
    load: () => text(import("../../../docs/durability.md", { with: { type: "text" } })),
  },
  {
    name: "security",
    about: "where to begin: listeners, log-ins, ACLs, quotas, audit",
    load: () => text(import("../../../docs/security.md", { with: { type: "text" } })),
  },
  {
    name: "commands",
    about: "what each command is for",
    load: () => text(import("../../../docs/commands.md", { with: { type: "text" } })),
  },
  {
    name: "state",
    about: "a cluster as one file says",
    load: () => text(import("../../../docs/state.md", { with: { type: "text" } })),
  },
  {
    name: "options",
    about: "all options of the broker",
    load: () => text(import("../../../docs/options.md", { with: { type: "text" } })),
  },
  {
    name: "listeners",
    about: "where clients come, and TLS",
    load: () => text(import("../../../docs/listeners.md", { with: { type: "text" } })),
  },
  {
    name: "authentication",
    about: "users, passwords, tokens",
    load: () => text(import("../../../docs/authentication.md", { with: { type: "text" } })),
  },
  {
    name: "authorization",
    about: "what they may do: ACLs",
    load: () => text(import("../../../docs/authorization.md", { with: { type: "text" } })),
  },
  {
    name: "quotas",
    about: "how much they may use",
    load: () => text(import("../../../docs/quotas.md", { with: { type: "text" } })),
  },
  {
    name: "audit",
    about: "who did what",
    load: () => text(import("../../../docs/audit.md", { with: { type: "text" } })),
  },
  {
    name: "operating",
    about: "metrics, backups, a full disk, a new version",
    load: () => text(import("../../../docs/operating.md", { with: { type: "text" } })),
  },
  {
    name: "log",
    about: "what the log says, and what to do",
    load: () => text(import("../../../docs/log.md", { with: { type: "text" } })),
  },
  {
    name: "status",
    about: "what /status has",
    load: () => text(import("../../../docs/status.md", { with: { type: "text" } })),
  },
  {
    name: "console",
    about: "the HTTP API under /api/v1",
    load: () => text(import("../../../docs/console.md", { with: { type: "text" } })),
  },
  {
    name: "embedding",
    about: "consumer, producer and admin in your program",
    load: () => text(import("../../../docs/embedding.md", { with: { type: "text" } })),
  },
  {
    name: "testing",
    about: "a broker in a test",
    load: () => text(import("../../../docs/testing.md", { with: { type: "text" } })),
  },
  {
    name: "from-kafka",
    about: "from Kafka, and back",
    load: () => text(import("../../../docs/from-kafka.md", { with: { type: "text" } })),
  },
  {
    name: "limits",
    about: "how much, how large, how long",
    load: () => text(import("../../../docs/limits.md", { with: { type: "text" } })),
  },
  {
    name: "compatibility",
    about: "which APIs and KIPs of Kafka there are",
    load: () => text(import("../../../docs/compatibility.md", { with: { type: "text" } })),
  },
  {
    name: "reliability",
    about: "what is promised, and by which test",
    load: () => text(import("../../../docs/reliability.md", { with: { type: "text" } })),
  },
  {
    name: "architecture",
    about: "how it is built",
    load: () => text(import("../../../docs/architecture.md", { with: { type: "text" } })),
  },
];

/** What one asks for it by, as a command has the name before a page has. */
export function askedAs({ name }: Page): string {
  return COMMANDS.some((command) => command.name === name) ? `${name}.md` : name;
}
