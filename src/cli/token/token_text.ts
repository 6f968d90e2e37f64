/** Tokens as `runnel token` reads and prints them. */
import { ConfigError } from "../../config/load.ts";
import type { Call } from "../call.ts";
import { type Principal, principalText, type Token } from "./cluster_tokens.ts";

/** Users with commas between: "User:alice", or "alice" alone. Throws ConfigError. */
export function principalsOf(call: Call, flag: string): Principal[] {
  return (call.text(flag)?.split(",") ?? []).map((word) => {
    const [, type = "User", name] = /^(?:([A-Za-z]+):)?([^\0]+)$/.exec(word.trim()) ?? [];
    if (name === undefined) throw new ConfigError(`token: "${word}" is no user`);
    return { type, name };
  });
}

/** Null where nothing is said. Throws ConfigError. */
export function lifetimeOf(call: Call): number | null {
  const lifetimeMs = call.durationMs("--for");
  if (lifetimeMs !== null && lifetimeMs <= 0) {
    throw call.misused(`--for ${call.text("--for")}: needs a time that is not over`);
  }
  return lifetimeMs;
}

/** Without the password. */
export function tokenJson(token: Token) {
  return {
    id: token.tokenId,
    owner: principalText(token.owner),
    requester: token.requester === null ? null : principalText(token.requester),
    renewers: token.renewers.map(principalText),
    issuedMs: token.issuedMs,
    expiresMs: token.expiresMs,
    endsMs: token.endsMs,
  };
}

export function dateText(ms: number): string {
  return Math.abs(ms) <= LAST_DATE_MS ? new Date(ms).toISOString() : `${ms} ms`;
}

/** What a Date can be. */
const LAST_DATE_MS = 8.64e15;
