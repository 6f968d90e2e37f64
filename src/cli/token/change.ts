/**
 * `runnel token renew` and `expire`. A token is named by its id: its HMAC, which both need, is the password it logs in
 * with, and is looked up, so that it need not be an argument, which everybody on the machine could read.
 */
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { ConfigError } from "../../config/load.ts";
import { confirmed } from "../confirm.ts";
import { connected } from "../connected.ts";
import { clusterTokens } from "./cluster_tokens.ts";
import { dateText, lifetimeOf } from "./token_text.ts";

export const renewToken: Run = (call) => change(call, "renew");

export const expireToken: Run = (call) => change(call, "expire");

function change(call: Call, action: "renew" | "expire"): Promise<number> {
  const lifetimeMs = lifetimeOf(call), [id] = call.words;
  const isGone = action === "expire" && lifetimeMs === null;
  return connected(call, async ({ cluster, out, bootstrap }) => {
    const tokens = clusterTokens(cluster);
    const token = (await tokens.list([])).find((one) => one.tokenId === id);
    if (token === undefined) {
      throw new ConfigError(`there is no token ${id} that you may see: \`runnel token list\``);
    }
    if (isGone && !confirmed(call, `End token ${id} at ${bootstrap} at once?`)) return 1;
    const untilMs = action === "renew"
      ? await tokens.renew(token, lifetimeMs)
      : await tokens.expire(token, lifetimeMs);
    if (out.isJson) out.json({ id, isGone, expiresMs: untilMs });
    else out.line(`${id} ${isGone ? "is gone" : `is good until ${dateText(untilMs)}`}`);
    return 0;
  });
}
