/**
 * `runnel token create`: a token, with its password: whoever asked for it needs it, and no other command tells. Where it
 * cannot be told (nobody reads, the disk is full) the token is ended again.
 */
import type { Run } from "../command.ts";
import { clientErrorLine } from "../client_error_line.ts";
import { ConnectionError, KafkaError } from "../../client/errors.ts";
import { connected } from "../connected.ts";
import type { Output } from "../output.ts";
import { clusterTokens, principalText, type Token } from "./cluster_tokens.ts";
import { dateText, lifetimeOf, principalsOf, tokenJson } from "./token_text.ts";

export const createToken: Run = (call) => {
  const owners = principalsOf(call, "--owner"), renewers = principalsOf(call, "--renewer");
  if (owners.length > 1) throw call.misused("a token has one owner");
  const lifetimeMs = lifetimeOf(call);
  return connected(call, async ({ cluster, out }) => {
    const owner = owners[0] ?? null;
    const tokens = clusterTokens(cluster);
    const token = await tokens.create({ owner, renewers, lifetimeMs });
    let failure: { readonly error: unknown } | null = null;
    try {
      print(token, out);
    } catch (error) {
      failure = { error };
    }
    if (failure === null && !out.isUnread) return 0;
    console.error(`runnel: ${await ended(tokens, token)}`);
    if (failure !== null) throw failure.error;
    return 1;
  });
};

function print(token: Token, out: Output): void {
  if (out.isJson) return out.json({ ...tokenJson(token), password: token.password });
  out.lines([
    `username  ${token.tokenId}`,
    `password  ${token.password}`,
    `owner     ${principalText(token.owner)}`,
    `good      until ${dateText(token.expiresMs)}, renewed until ${dateText(token.endsMs)}`,
  ]);
}

/** A sentence about it. Who asks for a token of another may not end it. */
async function ended(
  tokens: ReturnType<typeof clusterTokens>,
  token: Token,
): Promise<string> {
  try {
    await tokens.expire(token, null);
    return "nobody reads the password, which is told once: the token is ended again";
  } catch (error) {
    if (!(error instanceof KafkaError || error instanceof ConnectionError)) throw error;
    return `nobody reads the password of token ${token.tokenId}, which is told once, and the token is there still: ` +
      `${clientErrorLine(error)}: \`runnel token expire ${token.tokenId}\` ends it`;
  }
}
