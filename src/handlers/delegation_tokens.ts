/** What the four APIs of delegation tokens have in common: who may ask at all, and how principals are written. */
import type { Clock, GivesWay } from "../clock.ts";
import type { Config } from "../config/options.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { DelegationToken, DelegationTokens } from "../security/tokens/delegation_tokens.ts";
import type { MetadataStore, Plan } from "../topics/metadata_store.ts";
import type { TokenAsker, TokenOutcome } from "../topics/plan_delegation_tokens.ts";
import type { ConnectionInfo } from "./handler.ts";
import { orNotWritten } from "./not_written.ts";

export interface TokenServices {
  readonly metadata: MetadataStore;
  /** Null without a secret key: there are none. */
  readonly tokens: DelegationTokens | null;
  readonly clock: Clock;
  readonly turn: GivesWay;
  readonly settings: Config["delegationToken"];
}

export const USER = "User";
const ANONYMOUS = "User:ANONYMOUS";

/**
 * Whether a connection is one over which tokens may be handled (KafkaApis.allowTokenRequests): who is at the other end was
 * proved, and not by a token, which would live on in those that it got.
 */
export function mayHandleTokens({ sasl, principal, isByToken }: ConnectionInfo): boolean {
  if (isByToken === true) return false;
  return sasl != null || principal !== ANONYMOUS;
}

/** Renews or ends the token that has the HMAC, as `plan` says of it. Called before the handler's first await. */
export async function changeToken(
  { metadata, tokens, clock, turn }: TokenServices,
  asked: { readonly connection: ConnectionInfo; readonly hmac: Uint8Array },
  plan: (token: DelegationToken | null, asker: TokenAsker) => Plan<TokenOutcome>,
): Promise<TokenOutcome> {
  if (!mayHandleTokens(asked.connection)) {
    const errorCode = ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;
    return { errorCode, expiryTimestampMs: NO_TIME };
  }
  if (tokens === null) return { errorCode: ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED };
  const { principal } = asked.connection, hmac = asked.hmac.slice();
  await tokens.prepare(turn);
  return await orNotWritten(
    metadata.transact(() => plan(tokens.findByHmac(hmac), { principal, nowMs: clock.nowMs() })),
    ({ errorCode }) => ({ errorCode }),
  );
}

/** What Kafka's brokers answer for times there are none of; its controllers say 0. */
export const NO_TIME = -1;

/** "User" and "alice" of "User:alice". */
export function principalOf(text: string): { principalType: string; principalName: string } {
  const colon = text.indexOf(":");
  return { principalType: text.slice(0, colon), principalName: text.slice(colon + 1) };
}

/** Who asked for a token, as answers have it from v3 on. */
export function requesterOf(text: string, apiVersion: number): {
  tokenRequesterPrincipalType?: string;
  tokenRequesterPrincipalName?: string;
} {
  if (apiVersion < 3) return {};
  const { principalType, principalName } = principalOf(text);
  return { tokenRequesterPrincipalType: principalType, tokenRequesterPrincipalName: principalName };
}
