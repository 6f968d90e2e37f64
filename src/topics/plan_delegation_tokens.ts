/**
 * Plans of delegation tokens (KIP-48, KIP-373): from what is asked and the tokens there are to DELEGATION_TOKEN_RECORDs.
 * Error codes and their order are those of Kafka's DelegationTokenControlManager. A token's password is in no record.
 */
import { ErrorCode } from "../protocol/errors.ts";
import type { Catalogue } from "./catalogue.ts";
import { METADATA_VERSION } from "./features.ts";
import type { ValueOf } from "./metadata_record.ts";
import type { Plan } from "./metadata_store.ts";

type Token = Omit<Readonly<ValueOf<"DelegationTokenRecord">>, "renewers"> & {
  readonly renewers: readonly string[];
};

export interface TokenOutcome {
  readonly errorCode: number;
  /** Until when it is good now, ms since 1970. */
  readonly expiryTimestampMs?: number;
}

export interface TokenLimits {
  readonly maxTokens: number;
  readonly maxTokensPerOwner: number;
}

/** Kafka 3.6: the first level with records of tokens. */
const FIRST_LEVEL = 14;
/** Of the names of those who have to do with a token, together: it goes into every snapshot, and into answers of all. */
const MAX_PRINCIPAL_CHARACTERS = 16_384;

export function planCreateToken(
  catalogue: Catalogue,
  token: Token,
  { maxTokens, maxTokensPerOwner }: TokenLimits,
): Plan<TokenOutcome> {
  if ((catalogue.features.get(METADATA_VERSION) ?? FIRST_LEVEL) < FIRST_LEVEL) {
    return refused(ErrorCode.UNSUPPORTED_VERSION);
  }
  let all = 0, own = 0;
  for (const { owner } of catalogue.kept("DelegationTokenRecord")) {
    all++;
    if (owner === token.owner) own++;
  }
  const principals = [token.owner, token.requester, ...token.renewers];
  const characters = principals.reduce((sum, { length }) => sum + length, 0);
  // Kafka has no limits there.
  if (
    all >= maxTokens || own >= maxTokensPerOwner || characters > MAX_PRINCIPAL_CHARACTERS
  ) {
    return refused(ErrorCode.POLICY_VIOLATION);
  }
  return kept(token, token.expirationTimestamp);
}

export interface TokenAsker {
  /** "User:alice" */
  readonly principal: string;
  readonly nowMs: number;
}

/** `token` is null where no token has the HMAC that was shown. */
export function planRenewToken(
  token: Token | null,
  asker: TokenAsker,
  lifetimeMs: number,
): Plan<TokenOutcome> {
  if (token === null) return refused(ErrorCode.DELEGATION_TOKEN_NOT_FOUND);
  if (hasExpired(token, asker.nowMs)) return refused(ErrorCode.DELEGATION_TOKEN_EXPIRED);
  if (!mayChange(token, asker)) return refused(ErrorCode.DELEGATION_TOKEN_OWNER_MISMATCH);
  return kept(token, Math.min(token.maxTimestamp, asker.nowMs + lifetimeMs));
}

/** A negative period removes it at once, also one that has expired. */
export function planExpireToken(
  token: Token | null,
  asker: TokenAsker,
  periodMs: number,
): Plan<TokenOutcome> {
  const { nowMs } = asker;
  if (token === null) return refused(ErrorCode.DELEGATION_TOKEN_NOT_FOUND);
  if (!mayChange(token, asker)) return refused(ErrorCode.DELEGATION_TOKEN_OWNER_MISMATCH);
  if (periodMs < 0) {
    const { tokenId } = token;
    return {
      records: [{ kind: "RemoveDelegationTokenRecord", version: 0, value: { tokenId } }],
      result: { errorCode: ErrorCode.NONE, expiryTimestampMs: nowMs },
    };
  }
  if (hasExpired(token, nowMs)) return refused(ErrorCode.DELEGATION_TOKEN_EXPIRED);
  return kept(token, Math.min(token.maxTimestamp, nowMs + periodMs));
}

/** Removes tokens that have expired, at most so many; answers how many. */
export function planRemoveExpiredTokens(
  catalogue: Catalogue,
  { nowMs, most }: { readonly nowMs: number; readonly most: number },
): Plan<number> {
  const ids: string[] = [];
  for (const token of catalogue.kept("DelegationTokenRecord")) {
    if (ids.length === most) break;
    if (hasExpired(token, nowMs)) ids.push(token.tokenId);
  }
  return {
    records: ids.map((tokenId) => ({
      kind: "RemoveDelegationTokenRecord",
      version: 0,
      value: { tokenId },
    })),
    result: ids.length,
  };
}

/** Not who asked for it for somebody else, nor a super user. */
function mayChange({ owner, renewers }: Token, { principal }: TokenAsker): boolean {
  return owner === principal || renewers.includes(principal);
}

/** Whether it is good no more, though it may not have been removed yet. */
export function hasExpired(
  { maxTimestamp, expirationTimestamp }: Pick<Token, "maxTimestamp" | "expirationTimestamp">,
  nowMs: number,
): boolean {
  return maxTimestamp < nowMs || expirationTimestamp < nowMs;
}

function kept(token: Token, expirationTimestamp: number): Plan<TokenOutcome> {
  const value = { ...token, renewers: [...token.renewers], expirationTimestamp };
  return {
    records: [{ kind: "DelegationTokenRecord", version: 0, value }],
    result: { errorCode: ErrorCode.NONE, expiryTimestampMs: expirationTimestamp },
  };
}

function refused(errorCode: number): Plan<TokenOutcome> {
  return { records: [], result: { errorCode } };
}
