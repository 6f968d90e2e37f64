/**
 * SaslHandshake 0–1: chooses the mechanism, for the first time or to authenticate again (KIP-368).
 *
 * A mechanism that the listener does not have is 33 with those it has, after which the connection ends. Where nobody is
 * asked for SASL, or within a second of the last re-authentication, it is 34 (KafkaApis.handleSaslHandshakeRequest).
 */
import { ErrorCode } from "../protocol/errors.ts";
import { SaslHandshake } from "../protocol/messages/sasl_handshake.ts";
import { type Handler, handler } from "./handler.ts";

export function saslHandshake(): Handler {
  return handler(SaslHandshake, { min: 0, max: 1 }, async ({ mechanism }, context) => {
    const { connection, apiVersion, clientId } = context, { sasl = null } = connection;
    if (sasl === null) return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] };
    const answering = sasl.handshake(mechanism, { isRaw: apiVersion === 0, clientId });
    connection.hold(answering);
    const answer = await answering;
    return answer === "illegal" ? { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] } : {
      errorCode: answer === "taken" ? ErrorCode.NONE : ErrorCode.UNSUPPORTED_SASL_MECHANISM,
      mechanisms: sasl.mechanisms,
    };
  });
}
