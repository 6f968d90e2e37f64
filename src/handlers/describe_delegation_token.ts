/**
 * DescribeDelegationToken 1–3: the tokens of some owners with their HMACs, or all (null); v3 also says who asked for each.
 * A name asked for finds tokens that are its own, that it asked for, and that it may renew.
 *
 * Told is of each token its owner, who asked for it, its renewers, and whoever may Describe the token or DescribeTokens of
 * its owner. Refused: over a connection that proves nobody, or by a token (64); without a secret key (61); more than an
 * answer may hold (42).
 */
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeDelegationToken } from "../protocol/messages/describe_delegation_token.ts";
import type { Access } from "../security/acl/access.ts";
import { Operation, ResourceType } from "../security/acl/acl.ts";
import type { DelegationToken } from "../security/tokens/delegation_tokens.ts";
import {
  mayHandleTokens,
  principalOf,
  requesterOf,
  type TokenServices,
} from "./delegation_tokens.ts";
import { type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";

export function describeDelegationToken(
  { tokens }: Pick<TokenServices, "tokens">,
  answers: LongAnswers,
): Handler {
  return handler(
    DescribeDelegationToken,
    { min: 1, max: 3 },
    ({ owners }, { connection, access, apiVersion }) => {
      if (!mayHandleTokens(connection)) {
        return refused(ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED);
      }
      if (tokens === null) return refused(ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED);
      const asked = owners === null ? null : new Set(
        owners.map(({ principalType, principalName }) => `${principalType}:${principalName}`),
      );
      const { principal } = connection;
      return answers.of({
        items: asked?.size === 0 ? [] : tokens.all(),
        part: (token): Part => {
          const isAsked = asked === null || concerned(token).some((one) => asked.has(one));
          return isAsked && mayKnow(token, principal, access)
            ? described(token, tokens.hmacOf(token.tokenId), apiVersion)
            : null;
        },
        tooLong: (): Part => TOO_LONG,
        whole: (parts) => {
          if (parts.includes(TOO_LONG)) return refused(ErrorCode.INVALID_REQUEST);
          const told = parts.filter((part) => part !== null && part !== TOO_LONG);
          return { errorCode: ErrorCode.NONE, tokens: told };
        },
        connection,
      });
    },
  );
}

/** A token as it is told of, null for one that is not; or that the answer is full. */
type Part = ReturnType<typeof described> | typeof TOO_LONG | null;

const TOO_LONG = "too long";

function refused(errorCode: number) {
  return { errorCode, tokens: [] };
}

function mayKnow(token: DelegationToken, principal: string, access: Access): boolean {
  return concerned(token).includes(principal) ||
    access.may(Operation.DESCRIBE, ResourceType.DELEGATION_TOKEN, token.tokenId) ||
    access.may(Operation.DESCRIBE_TOKENS, ResourceType.USER, token.owner);
}

/** Whose it is in some way. */
function concerned({ owner, requester, renewers }: DelegationToken): string[] {
  return [owner, requester, ...renewers];
}

function described(token: DelegationToken, hmac: Uint8Array, apiVersion: number) {
  return {
    ...principalOf(token.owner),
    ...requesterOf(token.requester, apiVersion),
    issueTimestamp: token.issueTimestamp,
    expiryTimestamp: token.expirationTimestamp,
    maxTimestamp: token.maxTimestamp,
    tokenId: token.tokenId,
    hmac,
    renewers: token.renewers.map(principalOf),
  };
}
