/**
 * SaslHandshake: chooses the SASL mechanism.
 *
 * v0 is followed by bare tokens on the connection, v1 by SaslAuthenticate requests. Never flexible.
 */
import { api, array, int16, string } from "../schema.ts";

export const SaslHandshake = api({
  key: 17,
  name: "SaslHandshake",
  versions: "0-1",
  flexible: "none",
  request: {
    mechanism: string,
  },
  response: {
    errorCode: int16,
    mechanisms: array(string),
  },
});
