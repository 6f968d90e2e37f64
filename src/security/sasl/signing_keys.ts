/**
 * SigningKeys: the public keys of who issues tokens, a JSON web key set (RFC 7517) from a file or an address that the
 * configuration names, and from nowhere else.
 *
 * A `kid` that is not in the set has it read again, and so has a token that names none, at most once in 30 s. A set that
 * is minutes old is read again beside what asks for a key, so that one which was taken out does not stay good. A set that
 * cannot be read leaves the one before.
 */
import { createLocalJWKSet, type CryptoKey, type JSONWebKeySet } from "jose";

export interface SigningKeysOptions {
  /** The bytes of the set; rejects where they cannot be had. */
  readonly read: () => Promise<Uint8Array>;
  readonly monotonicMs: () => number;
  readonly onProblem: (reason: string) => void;
}

type Find = ReturnType<typeof createLocalJWKSet>;

const REFRESH_MS = 30_000;
const OLD_MS = 5 * 60_000;

export class SigningKeys {
  readonly #options: SigningKeysOptions;
  #find: Find | null = null;
  #kids: ReadonlySet<string> = new Set();
  #readAtMs = -Infinity;
  /** When the set in use was read. */
  #goodAtMs = -Infinity;
  #reading: Promise<void> | null = null;

  constructor(options: SigningKeysOptions) {
    this.#options = options;
  }

  /** The key that a token says it is signed with; throws where there is none of it. */
  async find(kid: string | null, algorithm: string): Promise<CryptoKey> {
    // Which key a token without kid is signed with is not known before it was tried.
    const isKnown = this.#find !== null && kid !== null && this.#kids.has(kid);
    if (!isKnown) await this.refresh();
    else if (this.#options.monotonicMs() - this.#goodAtMs >= OLD_MS) void this.refresh(); // never rejects
    if (this.#find === null) throw new Error("there are no signing keys: they could not be read");
    return await this.#find({ alg: algorithm, kid: kid ?? undefined });
  }

  /** Reads the set, unless that was tried a short time ago. Callers share one reading. */
  async refresh(): Promise<void> {
    if (this.#reading === null) {
      const nowMs = this.#options.monotonicMs();
      if (nowMs - this.#readAtMs < REFRESH_MS) return;
      this.#readAtMs = nowMs;
      this.#reading = this.#read().finally(() => this.#reading = null);
    }
    await this.#reading;
  }

  async #read(): Promise<void> {
    try {
      const set = readSet(await this.#options.read());
      this.#find = createLocalJWKSet(set);
      this.#goodAtMs = this.#readAtMs;
      this.#kids = new Set(set.keys.map(({ kid }) => kid).filter((kid) => kid !== undefined));
    } catch (error) {
      this.#options.onProblem(error instanceof Error ? error.message : String(error));
    }
  }
}

/** Keys of signatures that others can verify; one that is not public, or shared by both sides, is not taken. */
function readSet(bytes: Uint8Array): JSONWebKeySet {
  const set = JSON.parse(new TextDecoder().decode(bytes)) as JSONWebKeySet;
  if (!Array.isArray(set?.keys)) throw new Error("it is no JSON web key set: it has no keys");
  const keys = set.keys.filter(({ kty, use }) =>
    (kty === "RSA" || kty === "EC" || kty === "OKP") && (use === undefined || use === "sig")
  );
  if (keys.length === 0) throw new Error("it has no public key of signatures (RSA, EC or OKP)");
  return { keys: keys.slice(0, MAX_KEYS) };
}

const MAX_KEYS = 1000;
export const MAX_JWKS_BYTES = 256 * 1024;
const TIMEOUT_MS = 5000;

/** Reads from an address: without redirects, 256 KiB at most, within 5 s. */
export async function fetchKeys(url: string): Promise<Uint8Array> {
  const response = await fetch(url, {
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { accept: "application/json" },
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`${url} answers ${response.status}`);
  }
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body) {
    bytes += part.length;
    if (bytes > MAX_JWKS_BYTES) throw new Error(`${url} has more than ${MAX_JWKS_BYTES} bytes`);
    parts.push(part);
  }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
