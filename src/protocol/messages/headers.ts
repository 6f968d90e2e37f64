/**
 * Headers of requests and responses, as messages.
 */
import { bool, int16, int32, message, string } from "../schema.ts";

/** In front of a request: v1, or v2 where the API's version is flexible. frame.ts reads it faster. */
export const RequestHeader = message({
  name: "RequestHeader",
  versions: "1-2",
  flexible: "2+",
  fields: {
    requestApiKey: int16,
    requestApiVersion: int16,
    correlationId: int32,
    clientId: string.nullable().notCompact(),
  },
});

/** In front of a response: v0, or v1 where the API's version is flexible. */
export const ResponseHeader = message({
  name: "ResponseHeader",
  versions: "0-1",
  flexible: "1+",
  fields: {
    correlationId: int32,
  },
});

/** A principal as one broker tells it to another. */
export const DefaultPrincipalData = message({
  name: "DefaultPrincipalData",
  versions: "0",
  flexible: "0+",
  fields: {
    type: string,
    name: string,
    tokenAuthenticated: bool,
  },
});
