/** What went wrong with a broker, in one line, and what to do where nobody was reached, or a right is missing. */
import { ConnectionError, KafkaError } from "../client/errors.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { printable } from "./table.ts";

export function clientErrorLine(error: Error): string {
  const message = printable(error.message);
  if (error instanceof KafkaError) {
    const advice = ADVICE.get(error.code);
    return advice === undefined ? message : `${message.replace(/\.$/, "")}; ${advice}`;
  }
  if (!(error instanceof ConnectionError)) return message;
  if (/invalid peer certificate/.test(message)) {
    return `${message}; the broker is there: its CA has to be in ssl.truststore.location (ssl.ca.location) of ` +
      "--client-config, and its certificate for the name that --bootstrap has";
  }
  // What a listener without TLS does to who begins with it.
  if (/unexpected end of file/.test(message)) {
    return `${message}; something listens there that speaks no TLS, as it seems: security.protocol of --client-config ` +
      "has to be that of the listener";
  }
  if (/tells its clients this address/.test(message)) return message;
  // What a listener does to who begins in clear where it speaks TLS or wants a log-in, and the other way round.
  const isRefused = /the broker closed the connection|corrupt message|speaks TLS/.test(message);
  const how = isRefused
    ? ", and --client-config FILE how it is spoken to, where it wants TLS or a log-in"
    : "";
  return `${message}; is a broker running there? --bootstrap HOST:PORT says where it is${how}`;
}

const RIGHT_MISSING =
  "this user has no right to it: who may change ACLs gives it by `runnel acl add USER OPERATION RESOURCE`";
const NO_AUTHORIZER =
  "it checks no rights until clients log in (auth.enabled) or authorization.mode is on: docs/authorization.md; of an Apache Kafka: authorizer.class.name";
const ADVICE: ReadonlyMap<number, string> = new Map([
  [ErrorCode.TOPIC_AUTHORIZATION_FAILED, RIGHT_MISSING],
  [ErrorCode.GROUP_AUTHORIZATION_FAILED, RIGHT_MISSING],
  [ErrorCode.CLUSTER_AUTHORIZATION_FAILED, RIGHT_MISSING],
  [ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, RIGHT_MISSING],
  [ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED, RIGHT_MISSING],
  [ErrorCode.SECURITY_DISABLED, NO_AUTHORIZER],
  [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "`runnel topic list` shows the topics there are"],
  [ErrorCode.TOPIC_ALREADY_EXISTS, "`runnel topic create --if-absent` is fine with that"],
  [
    ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
    "who has logged in, and not by a token, may ask for tokens: --client-config FILE says how to log in",
  ],
  [
    ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED,
    "the broker needs a key for them: delegation_token.secret_key_file",
  ],
]);
