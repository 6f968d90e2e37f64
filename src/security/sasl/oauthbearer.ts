/**
 * OAUTHBEARER as Kafka's OAuthBearerSaslServer has it (RFC 7628): a token in the first message. One that is refused is
 * answered with JSON that says so, and the log-in fails with the client's next message, which is one byte.
 */
import type { AuthenticationStep, Authenticator } from "../authenticator.ts";
import type { BearerTokens } from "./bearer_tokens.ts";

/** RFC 7628 §3.1, as Kafka reads it: no binding, no proxy, scheme and token of these characters. */
const NAME = "(?:[\\x01-\\x2b\\x2d-\\x3c\\x3e-\\x7f]|=2C|=3D)+";
const PAIRS = "((?:[A-Za-z]+=[\\x21-\\x7e \\t\\r\\n]+\\x01)*)";
const INITIAL = new RegExp(`^n,(?:a=(${NAME}))?,\\x01${PAIRS}\\x01$`);
const AUTH = /^auth=(\w+) +([-_.A-Za-z0-9]+)$/;
const MAX_BYTES = 65_536;

export class BearerLogin implements Authenticator {
  readonly #tokens: BearerTokens;
  /** What the client was told is wrong with its token. */
  #refusal: string | null = null;

  constructor(tokens: BearerTokens) {
    this.#tokens = tokens;
  }

  async step(token: Uint8Array): Promise<AuthenticationStep> {
    if (this.#refusal !== null) return { kind: "failed", message: this.#refusal };
    const asked = readInitial(token);
    if (asked === null) return { kind: "failed", message: null };
    const proved = await this.#tokens.verify(asked.token);
    if (proved === null) {
      this.#refusal = '{"status":"invalid_token"}';
      const token = new TextEncoder().encode(this.#refusal);
      return { kind: "challenge", token, isRefusal: true };
    }
    const { authorizationId } = asked, { name, expiresAtMs } = proved;
    if (authorizationId !== "" && authorizationId !== name) {
      const message =
        `Authentication failed: Client requested an authorization id (${authorizationId}) that is ` +
        `different from the token's principal name (${name})`;
      return { kind: "failed", message };
    }
    return { kind: "done", token: new Uint8Array(0), principal: `User:${name}`, expiresAtMs };
  }
}

/** The token, and who the client wants to be ("" where it does not say); null where the message is not in order. */
function readInitial(
  message: Uint8Array,
): { readonly token: string; readonly authorizationId: string } | null {
  if (message.length > MAX_BYTES) return null;
  const match = INITIAL.exec(new TextDecoder().decode(message));
  if (match === null) return null;
  const [, authorizationId = "", pairs] = match;
  const auth = pairs.split("\x01").map((pair) => AUTH.exec(pair)).filter((found) => found !== null);
  if (auth.length !== 1 || auth[0][1].toLowerCase() !== "bearer") return null;
  const decoded = authorizationId.replaceAll("=2C", ",").replaceAll("=3D", "=");
  return { token: auth[0][2], authorizationId: decoded };
}
