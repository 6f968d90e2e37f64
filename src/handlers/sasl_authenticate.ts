/**
 * SaslAuthenticate 0–2: a token of the client, and the answer to it (security/sasl/conversation.ts).
 *
 * A failure is 58 with words that do not say what was wrong, after which the connection ends. v1+: how long the session
 * lasts, so that the client can prove itself again in time (KIP-368); 0: for ever. Without a handshake it is 34.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { SaslAuthenticate } from "../protocol/messages/sasl_authenticate.ts";
import { CLOSE, type Handler, handler } from "./handler.ts";

export function saslAuthenticate(): Handler {
  return handler(SaslAuthenticate, { min: 0, max: 2 }, async ({ authBytes }, { connection }) => {
    const { sasl = null } = connection;
    if (sasl === null || !sasl.takesTokens) {
      return {
        errorCode: ErrorCode.ILLEGAL_SASL_STATE,
        errorMessage: "SaslAuthenticate request received after successful authentication",
        authBytes: NOTHING,
      };
    }
    const answering = sasl.token(authBytes.slice());
    connection.hold(answering);
    const answer = await answering;
    switch (answer.kind) {
      case "close":
        return CLOSE;
      case "failed":
        return {
          errorCode: ErrorCode.SASL_AUTHENTICATION_FAILED,
          errorMessage: answer.message,
          authBytes: NOTHING,
        };
      case "token":
        return {
          errorCode: ErrorCode.NONE,
          errorMessage: null,
          authBytes: answer.token,
          sessionLifetimeMs: answer.lifetimeMs,
        };
    }
  });
}

const NOTHING = new Uint8Array(0);
