/**
 * CreateDelegationToken: a token with which others may act as its owner.
 *
 * v2 flexible · v3 an owner other than the requester.
 */
import { api, array, bytes, int16, int32, int64, string } from "../schema.ts";

export const CreateDelegationToken = api({
  key: 38,
  name: "CreateDelegationToken",
  versions: "1-3",
  flexible: "2+",
  request: {
    ownerPrincipalType: string.nullable().default("").in("3+"),
    ownerPrincipalName: string.nullable().default("").in("3+"),
    renewers: array({
      principalType: string,
      principalName: string,
    }),
    maxLifetimeMs: int64,
  },
  response: {
    errorCode: int16,
    principalType: string,
    principalName: string,
    tokenRequesterPrincipalType: string.in("3+"),
    tokenRequesterPrincipalName: string.in("3+"),
    issueTimestampMs: int64,
    expiryTimestampMs: int64,
    maxTimestampMs: int64,
    tokenId: string,
    hmac: bytes,
    throttleTimeMs: int32,
  },
});
