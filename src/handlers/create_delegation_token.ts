/**
 * CreateDelegationToken 1–3: a token by which others may be its owner for a while (KIP-48): the one who asks, or from v3 on
 * somebody else (KIP-373), for which CreateTokens on that user is needed.
 *
 * Refused, in this order: over a connection that proves nobody, or by a token (64); without that right (65); renewers, or
 * an owner, who are no users (67); without a secret key (61); past the limits (44). It lives as long as asked, at most
 * delegation_token.max_lifetime_ms, and has to be renewed before delegation_token.expiry_time_ms are over. The answer has
 * its HMAC, which is kept nowhere.
 *
 * Otherwise than in Kafka: an owner who is no user is refused. Kafka makes such a token, and whoever logs in with it is the
 * user of the same name, whom the right was not for.
 */
import { randomUuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { CreateDelegationToken } from "../protocol/messages/create_delegation_token.ts";
import { Operation, ResourceType } from "../security/acl/acl.ts";
import type { DelegationToken, DelegationTokens } from "../security/tokens/delegation_tokens.ts";
import { planCreateToken } from "../topics/plan_delegation_tokens.ts";
import {
  mayHandleTokens,
  NO_TIME,
  principalOf,
  requesterOf,
  type TokenServices,
  USER,
} from "./delegation_tokens.ts";
import { type Handler, handler } from "./handler.ts";
import { orNotWritten } from "./not_written.ts";

export function createDelegationToken(services: TokenServices): Handler {
  return handler(
    CreateDelegationToken,
    { min: 1, max: 3 },
    async (request, { connection, access, apiVersion }) => {
      const { principal: requester } = connection;
      const { ownerPrincipalType, ownerPrincipalName, renewers, maxLifetimeMs } = request;
      const owner = ownerPrincipalName
        ? `${ownerPrincipalType ?? ""}:${ownerPrincipalName}`
        : requester;
      const refused = (errorCode: number, timestamp = NO_TIME) =>
        answerOf({ owner, requester, apiVersion }, errorCode, timestamp);

      if (!mayHandleTokens(connection)) {
        return refused(ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED);
      }
      const { CREATE_TOKENS } = Operation;
      if (owner !== requester && !access.may(CREATE_TOKENS, ResourceType.USER, owner)) {
        return refused(ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED);
      }
      const isUser = ({ principalType }: { principalType: string }) => principalType === USER;
      if (!renewers.every(isUser) || !isUser(principalOf(owner))) {
        return refused(ErrorCode.INVALID_PRINCIPAL_TYPE);
      }
      const { tokens } = services;
      if (tokens === null) return refused(ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED, 0);
      const names = renewers.map(({ principalName }) => `${USER}:${principalName}`);
      const answer = await made(services, tokens, {
        principals: { owner, requester, renewers: names },
        maxLifetimeMs,
      });
      return { ...refused(answer.errorCode, 0), ...answer };
    },
  );
}

/** Makes one that may be made. */
async function made(
  { metadata, clock, settings }: TokenServices,
  tokens: DelegationTokens,
  { principals, maxLifetimeMs }: {
    readonly principals: Pick<DelegationToken, "owner" | "requester" | "renewers">;
    /** 0 and less: as long as there are tokens. */
    readonly maxLifetimeMs: number;
  },
) {
  const lifetimeMs = maxLifetimeMs > 0
    ? Math.min(maxLifetimeMs, settings.maxLifetimeMs)
    : settings.maxLifetimeMs;
  const nowMs = clock.nowMs(), maxTimestamp = nowMs + lifetimeMs;
  const token = {
    ...principals,
    tokenId: randomUuid() as string,
    issueTimestamp: nowMs,
    maxTimestamp,
    expirationTimestamp: Math.min(maxTimestamp, nowMs + settings.expiryTimeMs),
  };
  const { errorCode } = await orNotWritten(
    metadata.transact((catalogue) => planCreateToken(catalogue, token, settings)),
    ({ errorCode }) => ({ errorCode }),
  );
  if (errorCode !== ErrorCode.NONE) return { errorCode };
  return {
    errorCode,
    issueTimestampMs: nowMs,
    expiryTimestampMs: token.expirationTimestamp,
    maxTimestampMs: maxTimestamp,
    tokenId: token.tokenId,
    hmac: tokens.hmacOf(token.tokenId),
  };
}

function answerOf(
  { owner, requester, apiVersion }: {
    readonly owner: string;
    readonly requester: string;
    readonly apiVersion: number;
  },
  errorCode: number,
  timestamp: number,
) {
  return {
    errorCode,
    ...principalOf(owner),
    ...requesterOf(requester, apiVersion),
    issueTimestampMs: timestamp,
    expiryTimestampMs: timestamp,
    maxTimestampMs: timestamp,
    tokenId: "",
    hmac: new Uint8Array(0),
  };
}
