/** `runnel token list`: the tokens that may be seen, without their passwords. */
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { clusterTokens, principalText } from "./cluster_tokens.ts";
import { dateText, principalsOf, tokenJson } from "./token_text.ts";

export const listTokens: Run = (call) => {
  const owners = principalsOf(call, "--owner");
  return connected(call, async ({ cluster, out }) => {
    const tokens = await clusterTokens(cluster).list(owners);
    if (out.isJson) {
      for (const token of tokens) out.json(tokenJson(token));
      return 0;
    }
    const rows = tokens.map((token) => [
      token.tokenId,
      principalText(token.owner),
      token.requester === null ? "" : principalText(token.requester),
      token.renewers.map(principalText).join(","),
      dateText(token.issuedMs),
      dateText(token.expiresMs),
      dateText(token.endsMs),
    ]);
    const header = ["id", "owner", "asked for by", "renewers", "issued", "expires", "ends"];
    const inOrder = (a: string[], b: string[]) =>
      a[1] < b[1] || (a[1] === b[1] && a[0] < b[0]) ? -1 : 1;
    out.table(header, rows.sort(inOrder));
    return 0;
  });
};
