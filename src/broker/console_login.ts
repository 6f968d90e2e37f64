/**
 * ConsoleLogin: who asks over HTTP, as one of the broker's users: by name and password (Basic), or by a bearer token. What
 * is said is proved in the conversation that a client at a listener would have, with its pace, its delay and its audit.
 *
 * A browser says it with every request, so who was right is believed for a minute. Whose password was changed or who was
 * deleted is out at once, with what goes on for it.
 */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes } from "node:crypto";
import type { ApiError, ErrorWord } from "../console/api.ts";
import type { LogIn, PageLogin } from "../metrics/http_pages.ts";
import { SaslConversation } from "../security/sasl/conversation.ts";
import type { Authentication } from "./authentication.ts";

const BELIEVED_MS = 60_000, MAX_BELIEVED = 1000;
/** As it stands in the audit and among refusals, where else the listener's name is. */
const LISTENER = "http", CLIENT_ID = "runnel-console";

interface Believed {
  readonly login: LogIn;
  readonly untilMs: number;
}

interface Said {
  readonly mechanism: "PLAIN" | "OAUTHBEARER";
  readonly token: Uint8Array;
}

export class ConsoleLogin implements PageLogin {
  readonly contentType = "application/json";
  readonly bodies = {
    wrong: bodyOf("unauthenticated", "say who you are, as a user of the broker"),
    busy: bodyOf("starting", "too many log in: try again"),
  };
  readonly challenges: readonly string[];
  readonly #authentication: Pick<Authentication, "httpMechanisms" | "rules">;
  /** By what was said and from where, under a key that nobody has. */
  readonly #believed = new Map<string, Believed>();
  readonly #underWay = new Map<string, Promise<LogIn | "wrong" | "busy">>();
  readonly #key = randomBytes(32);

  constructor(authentication: Pick<Authentication, "httpMechanisms" | "rules">) {
    this.#authentication = authentication;
    const { httpMechanisms } = authentication;
    this.challenges = [
      ...httpMechanisms.has("PLAIN") ? ['Basic realm="runnel", charset="UTF-8"'] : [],
      ...httpMechanisms.has("OAUTHBEARER") ? ['Bearer realm="runnel"'] : [],
    ];
  }

  async admit(
    { peer, authorization }: { readonly peer: string; readonly authorization: string | null },
  ): Promise<LogIn | "wrong" | "busy"> {
    const said = authorization === null ? null : saidBy(authorization);
    if (said === null || !this.#authentication.httpMechanisms.has(said.mechanism)) return "wrong";
    const hash = createHmac("sha256", this.#key).update(`${peer}\0${authorization}`);
    const name = hash.digest("base64"), believed = this.#believed.get(name);
    const { clock } = this.#authentication.rules;
    if (believed !== undefined && believed.untilMs > clock.monotonicMs()) {
      if (!believed.login.isRevoked()) return believed.login;
      this.#believed.delete(name);
    }
    // A browser asks for several things at once: that is one attempt.
    let proving = this.#underWay.get(name);
    if (proving === undefined) {
      proving = this.#prove(name, peer, said).finally(() => this.#underWay.delete(name));
      this.#underWay.set(name, proving);
    }
    return await proving;
  }

  async #prove(name: string, peer: string, said: Said): Promise<LogIn | "wrong" | "busy"> {
    const { httpMechanisms: mechanisms, rules } = this.#authentication;
    let proved: Believed | null = null, isRefused = false;
    const conversation = new SaslConversation({
      listener: LISTENER,
      peer,
      mechanisms,
      rules,
      session: {
        authenticated(principal, { expiresAtMs, isRevoked }) {
          const isOver = () => rules.clock.monotonicMs() >= expiresAtMs;
          const login = { principal, isRevoked: () => isOver() || isRevoked() };
          const untilMs = Math.min(expiresAtMs, rules.clock.monotonicMs() + BELIEVED_MS);
          proved = { login, untilMs };
        },
        reauthenticating: () => {},
        failed: () => {},
      },
    });
    await conversation.handshake(said.mechanism, { isRaw: false, clientId: CLIENT_ID });
    const answer = await conversation.token(said.token);
    // A token that is refused is told of by a challenge, which the client is to answer with one byte (RFC 7628).
    if (answer.kind === "token" && proved === null) {
      isRefused = (await conversation.token(new Uint8Array([1]))).kind === "failed";
    }
    const found = proved as Believed | null;
    if (found === null) return isRefused || answer.kind === "failed" ? "wrong" : "busy";
    this.#believed.delete(name);
    this.#believed.set(name, found);
    if (this.#believed.size > MAX_BELIEVED) {
      const [oldest] = this.#believed.keys();
      this.#believed.delete(oldest);
    }
    return found.login;
  }
}

function bodyOf(code: ErrorWord, message: string): string {
  const body: ApiError = { error: { code, message, kafka: null, field: null } };
  return JSON.stringify(body);
}

/** As a client at a listener would say it; null where it says nothing that is known. */
function saidBy(authorization: string): Said | null {
  const [, scheme, text] = /^(\w+) +(\S+)$/.exec(authorization) ?? [];
  switch (scheme?.toLowerCase()) {
    case "basic": {
      const bytes = Buffer.from(text, "base64"), at = bytes.indexOf(":");
      if (at < 0 || bytes.includes(0)) return null;
      const parts = [NUL, bytes.subarray(0, at), NUL, bytes.subarray(at + 1)];
      return { mechanism: "PLAIN", token: new Uint8Array(Buffer.concat(parts)) };
    }
    case "bearer": {
      const token = new TextEncoder().encode(`n,,\x01auth=Bearer ${text}\x01\x01`);
      return { mechanism: "OAUTHBEARER", token };
    }
    default:
      return null;
  }
}

const NUL = new Uint8Array(1);
