/** `runnel token create`: a token, with its password: whoever asked for it needs it, and no other command tells. */
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { clusterTokens, principalText } from "./cluster_tokens.ts";
import { dateText, lifetimeOf, principalsOf, tokenJson } from "./token_text.ts";

export const createToken: Run = (call) => {
  const owners = principalsOf(call, "--owner"), renewers = principalsOf(call, "--renewer");
  if (owners.length > 1) throw call.misused("a token has one owner");
  const lifetimeMs = lifetimeOf(call);
  return connected(call, async ({ cluster, out }) => {
    const owner = owners[0] ?? null;
    const token = await clusterTokens(cluster).create({ owner, renewers, lifetimeMs });
    if (out.isJson) {
      out.json({ ...tokenJson(token), password: token.password });
      return 0;
    }
    out.line(`username  ${token.tokenId}`);
    out.line(`password  ${token.password}`);
    out.line(`owner     ${principalText(token.owner)}`);
    out.line(
      `good      until ${dateText(token.expiresMs)}, renewed until ${dateText(token.endsMs)}`,
    );
    return 0;
  });
};
