/**
 * RenewDelegationToken: lets a token live longer.
 *
 * v2 flexible.
 */
import { api, bytes, int16, int32, int64 } from "../schema.ts";

export const RenewDelegationToken = api({
  key: 39,
  name: "RenewDelegationToken",
  versions: "1-2",
  flexible: "2+",
  request: {
    hmac: bytes,
    renewPeriodMs: int64,
  },
  response: {
    errorCode: int16,
    expiryTimestampMs: int64,
    throttleTimeMs: int32,
  },
});
