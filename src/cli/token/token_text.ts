/**
 * `runnel token create|list|renew|expire`: the delegation tokens of a running broker, Runnel or any Kafka (KIP-48). A token
 * is named by its id: its HMAC, which renewing and ending need, is the password it logs in with, and is looked up, so that
 * it need not be an argument, which everybody on the machine could read.
 */
import { ConfigError } from "../config/load.ts";
import {
  actionOf,
  BOOTSTRAP_FLAGS,
  bootstrapOf,
  clientSecurityOf,
  commandArguments,
  configOf,
  misused,
} from "./arguments.ts";
import { clusterTokens, type Principal, principalText, type Token } from "./cluster_tokens.ts";
import { printable, table } from "./table.ts";
import { withCluster } from "./with_cluster.ts";

const ACTIONS = ["create", "list", "renew", "expire"] as const;
const FLAGS = {
  ...BOOTSTRAP_FLAGS,
  "--owner": "a user",
  "--renewer": "users with commas between",
  "--for": "how long: 90s, 30m, 12h, 7d",
} as const;
/** Which of its own flags an action takes. */
const TAKES: Readonly<Record<typeof ACTIONS[number], readonly string[]>> = {
  create: ["--owner", "--renewer", "--for"],
  list: ["--owner"],
  renew: ["--for"],
  expire: ["--for"],
};

export async function runToken(
  args: readonly string[],
  print: (line: string) => void = console.log,
): Promise<number> {
  const { words, own, rest } = commandArguments("token", args, FLAGS);
  const [given, ...named] = words, action = actionOf("token", given, ACTIONS);
  const isOfOne = action === "renew" || action === "expire";
  if (named.length !== (isOfOne ? 1 : 0)) {
    throw misused("token", isOfOne ? `${action} needs one ID` : `${action} takes no words`, action);
  }
  for (const flag of ["--owner", "--renewer", "--for"]) {
    if (own.has(flag) && !TAKES[action].includes(flag)) {
      throw misused("token", `${action} takes no ${flag}`, action);
    }
  }
  const owners = principalsOf(own.get("--owner")), renewers = principalsOf(own.get("--renewer"));
  if (action === "create" && owners.length > 1) throw misused("token", "a token has one owner");
  const lifetimeMs = lifetimeOf(own.get("--for"));
  const config = await configOf(rest);
  const reached = { bootstrap: bootstrapOf(own, config), security: clientSecurityOf(own, config) };
  return await withCluster(reached, async (cluster) => {
    const tokens = clusterTokens(cluster);
    switch (action) {
      case "create": {
        const token = await tokens.create({ owner: owners[0] ?? null, renewers, lifetimeMs });
        return printed(createdLines(token), print);
      }
      case "list":
        return printed(listedLines(await tokens.list(owners)), print);
      case "renew":
      case "expire":
        return await changed(tokens, { action, id: named[0], lifetimeMs }, print);
    }
  });
}

async function changed(
  tokens: ReturnType<typeof clusterTokens>,
  { action, id, lifetimeMs }: {
    readonly action: "renew" | "expire";
    readonly id: string;
    readonly lifetimeMs: number | null;
  },
  print: (line: string) => void,
): Promise<number> {
  const token = (await tokens.list([])).find((one) => one.tokenId === id);
  if (token === undefined) {
    console.error(
      `runnel: there is no token ${printable(id)} that you may see: \`runnel token list\``,
    );
    return 1;
  }
  const untilMs = action === "renew"
    ? await tokens.renew(token, lifetimeMs)
    : await tokens.expire(token, lifetimeMs);
  const isGone = action === "expire" && lifetimeMs === null;
  return printed([`${id} ${isGone ? "is gone" : `is good until ${dateText(untilMs)}`}`], print);
}

function printed(lines: readonly string[], print: (line: string) => void): number {
  for (const line of lines) print(line);
  return 0;
}

/** With the password: whoever asked for a token needs it, and no other command tells. */
function createdLines(token: Token): string[] {
  return [
    `username  ${printable(token.tokenId)}`,
    `password  ${token.password}`,
    `owner     ${printable(principalText(token.owner))}`,
    `good      until ${dateText(token.expiresMs)}, renewed until ${dateText(token.endsMs)}`,
  ];
}

function listedLines(tokens: readonly Token[]): string[] {
  const rows = tokens.map((token) => [
    token.tokenId,
    principalText(token.owner),
    token.requester === null ? "" : principalText(token.requester),
    token.renewers.map(principalText).join(","),
    dateText(token.issuedMs),
    dateText(token.expiresMs),
    dateText(token.endsMs),
  ]);
  const header = ["ID", "OWNER", "ASKED FOR BY", "RENEWERS", "ISSUED", "EXPIRES", "ENDS"];
  return table(header, rows.sort((a, b) => a[1] < b[1] || (a[1] === b[1] && a[0] < b[0]) ? -1 : 1));
}

/** "User:alice", or "alice" alone. */
function principalsOf(text: string | undefined): Principal[] {
  if (text === undefined) return [];
  return text.split(",").map((word) => {
    const [, type = "User", name] = /^(?:([A-Za-z]+):)?([^\0]+)$/.exec(word.trim()) ?? [];
    if (name === undefined) throw new ConfigError(`token: "${word}" is no user`);
    return { type, name };
  });
}

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** "90s", "12h" in milliseconds; null where nothing is said. */
function lifetimeOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const [, count, unit] = /^([1-9]\d{0,8})([smhd])$/.exec(text) ?? [];
  if (count === undefined) {
    throw new ConfigError(`token: --for ${text}: needs a number with s, m, h or d behind it: 12h`);
  }
  return Number(count) * UNITS[unit];
}

function dateText(ms: number): string {
  return Math.abs(ms) <= LAST_DATE_MS ? new Date(ms).toISOString() : `${ms} ms`;
}

/** What a Date can be. */
const LAST_DATE_MS = 8.64e15;
