/**
 * DescribeDelegationToken: the tokens of some owners; null means all.
 *
 * v2 flexible · v3 who asked for the token.
 */
import { api, array, bytes, int16, int32, int64, string } from "../schema.ts";

export const DescribeDelegationToken = api({
  key: 41,
  name: "DescribeDelegationToken",
  versions: "1-3",
  flexible: "2+",
  request: {
    owners: array({
      principalType: string,
      principalName: string,
    }).nullable(),
  },
  response: {
    errorCode: int16,
    tokens: array({
      principalType: string,
      principalName: string,
      tokenRequesterPrincipalType: string.in("3+"),
      tokenRequesterPrincipalName: string.in("3+"),
      issueTimestamp: int64,
      expiryTimestamp: int64,
      maxTimestamp: int64,
      tokenId: string,
      hmac: bytes,
      renewers: array({
        principalType: string,
        principalName: string,
      }),
    }),
    throttleTimeMs: int32,
  },
});
