/**
 * SaslAuthenticate: carries one token of the SASL exchange.
 *
 * v1 says how long the session lives, so that the client can authenticate again in time (KIP-368) · v2 flexible.
 */
import { api, bytes, int16, int64, string } from "../schema.ts";

export const SaslAuthenticate = api({
  key: 36,
  name: "SaslAuthenticate",
  versions: "0-2",
  flexible: "2+",
  request: {
    authBytes: bytes,
  },
  response: {
    errorCode: int16,
    errorMessage: string.nullable(),
    authBytes: bytes,
    sessionLifetimeMs: int64.in("1+").ignorable(),
  },
});
