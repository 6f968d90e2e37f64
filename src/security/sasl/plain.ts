/** PLAIN as Kafka's PlainSaslServer has it (RFC 4616): "[authzid] NUL user NUL password" in one token. */
import type { AuthenticationStep, Authenticator } from "../authenticator.ts";
import type { Passwords } from "./passwords.ts";
import { OTHER_ID } from "./scram.ts";

/** Passwords, or several of them. */
export interface PasswordCheck {
  readonly check: Passwords["check"];
  readonly store: Pick<Passwords["store"], "find">;
  /**
   * Whether what is proved from now on holds no longer; absent: it does as long as the user is there, as in Kafka, whose
   * sessions outlive their passwords.
   */
  watch?(user: string): () => boolean;
}

export class PlainLogin implements Authenticator {
  /** As Authenticator. */
  claimed: string | null = null;
  readonly #passwords: PasswordCheck;

  constructor(passwords: PasswordCheck) {
    this.#passwords = passwords;
  }

  async step(token: Uint8Array): Promise<AuthenticationStep> {
    const parts = split(token);
    if (parts === null) return { kind: "failed", message: null };
    const [authorizationId, user, password] = parts;
    this.claimed = user;
    if (user === "") return failed("username not specified");
    if (password === "") return failed("password not specified");
    const passwords = this.#passwords;
    const isRevoked = passwords.watch?.(user) ?? (() => passwords.store.find(user) === null);
    const answer = await passwords.check(user, new TextEncoder().encode(password));
    if (answer === "busy") return { kind: "busy" };
    if (!answer) return failed("Invalid username or password");
    if (authorizationId !== "" && authorizationId !== user) return OTHER_ID;
    return {
      kind: "done",
      token: new Uint8Array(0),
      principal: `User:${user}`,
      expiresAtMs: null,
      isRevoked,
    };
  }
}

/** Past this nothing is a name and a password. */
const MAX_BYTES = 4096;

/** The three parts, or null where there are more or fewer, or it is no UTF-8. */
function split(token: Uint8Array): string[] | null {
  if (token.length > MAX_BYTES) return null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(token);
    const parts = text.split("\0");
    return parts.length === 3 ? parts : null;
  } catch {
    return null;
  }
}

function failed(why: string): AuthenticationStep {
  return { kind: "failed", message: `Authentication failed: ${why}` };
}
