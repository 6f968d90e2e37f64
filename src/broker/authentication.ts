/**
 * Authentication: everything that log-ins by SASL need, put together: the mechanisms of the configuration, where their users
 * are, and the rules of failing. Made before the ports are bound, so that what cannot be used is refused at the start; who
 * the cluster knows comes with begin(), before anybody is let in.
 */
import { randomBytes } from "node:crypto";
import { ConfigError } from "../config/load.ts";
import { isLoopback } from "../config/addresses.ts";
import { listenersOf } from "../config/listeners.ts";
import type { Config } from "../config/options.ts";
import { logger } from "../log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { NewAuthenticator } from "../security/authenticator.ts";
import { AttemptPace } from "../security/sasl/attempt_pace.ts";
import { BearerTokens } from "../security/sasl/bearer_tokens.ts";
import type { LoginEnd, LoginRules } from "../security/sasl/conversation.ts";
import { EveryPassword } from "../security/sasl/every_password.ts";
import { Derivations } from "../security/sasl/derivations.ts";
import { BearerLogin } from "../security/sasl/oauthbearer.ts";
import { Population } from "../security/sasl/population.ts";
import { Passwords, type PasswordStore } from "../security/sasl/passwords.ts";
import { PlainLogin } from "../security/sasl/plain.ts";
import { ScramLogin, type TokenLogin } from "../security/sasl/scram.ts";
import {
  DEFAULT_ITERATIONS,
  hashOf,
  newCredential,
  SCRAM_HASHES,
  type ScramCredential,
  type ScramHash,
} from "../security/sasl/scram_credential.ts";
import { fetchKeys, MAX_JWKS_BYTES, SigningKeys } from "../security/sasl/signing_keys.ts";
import { UsersFile } from "../security/sasl/users_file.ts";
import { readPublicFile } from "../security/secret_file.ts";
import type { DelegationTokens } from "../security/tokens/delegation_tokens.ts";
import type { Audit } from "../audit/audit.ts";
import type { Store } from "../storage/store.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { hasExpired } from "../topics/plan_delegation_tokens.ts";
import type { MachineRoom } from "./machine.ts";

/** Whatever salts of users that are not there are made of; no harm comes of losing it but that those salts change. */
const SECRET_FILE = "runnel-login-secret";
const SECRET_BYTES = 32;

interface OwnUser {
  readonly name: string;
  readonly credential: ScramCredential;
}

export class Authentication {
  readonly mechanisms: ReadonlyMap<string, NewAuthenticator>;
  /** Of log-ins over HTTP: PLAIN is every user's there that has a password, whichever mechanism it is for. */
  readonly httpMechanisms: ReadonlyMap<string, NewAuthenticator>;
  readonly rules: LoginRules;
  readonly #file: UsersFile | null;
  /** The user of the configuration. */
  readonly #own: OwnUser | null;
  readonly #secret = new Uint8Array(randomBytes(SECRET_BYTES));
  readonly #derivations = new Derivations();
  #metadata: Pick<MetadataStore, "catalogue" | "version"> | null = null;
  /** Null where there are none. */
  #tokens: DelegationTokens | null = null;
  readonly #populations = new Map<number, { version: string; population: Population }>();

  private constructor(
    config: Config,
    { rules, file, own, keys }: {
      readonly rules: LoginRules;
      readonly file: UsersFile | null;
      readonly own: OwnUser | null;
      readonly keys: SigningKeys | null;
    },
  ) {
    this.rules = rules;
    this.#file = file;
    this.#own = own;
    const mechanisms = new Map<string, NewAuthenticator>();
    for (const mechanism of config.auth.mechanism) {
      mechanisms.set(mechanism, this.#maker(mechanism, { config, keys }));
    }
    this.mechanisms = mechanisms;
    this.httpMechanisms = this.#overHttp(config);
  }

  /** Throws ConfigError for a users file that cannot be used. */
  static async open(
    config: Config,
    { machine, metrics, audit }: {
      readonly machine: Pick<MachineRoom, "clock" | "timers">;
      readonly metrics: Metrics;
      readonly audit: Audit | null;
    },
  ): Promise<Authentication> {
    const listeners = listenersOf(config).filter(({ protocol }) => protocol.startsWith("SASL_"));
    const { auth, oauth } = config, { clock } = machine;
    const monotonicMs = () => clock.monotonicMs();
    const file = auth.usersFile === "" ? null : openUsers(auth.usersFile, {
      monotonicMs,
      onTaken: () => audit?.happened("users_file_taken"),
    });
    const own = auth.plainUsername === "" ? null : {
      name: auth.plainUsername,
      credential: await newCredential(PASSWORD_HASH, auth.plainPassword),
    };
    const keys = !auth.mechanism.includes("OAUTHBEARER") ? null : new SigningKeys({
      read: () => readKeys(oauth.jwks),
      monotonicMs,
      onProblem: (reason) => log.warn("signing_keys_unreadable", { reason }),
    });
    await keys?.refresh();
    if (auth.mechanism.some((name) => name !== "OAUTHBEARER")) {
      const clear = listeners.filter(({ protocol, addresses }) =>
        protocol === "SASL_PLAINTEXT" && !addresses.every((one) => isLoopback(one))
      );
      for (const { name } of clear) log.warn("login_in_clear", { listener: name });
    }
    const rules = rulesOf(config, { machine, metrics, audit });
    return new Authentication(config, { rules, file, own, keys });
  }

  /** From now on users and tokens of the cluster's metadata are known too. The directory is in use. */
  async begin(
    store: Store,
    { metadata, tokens }: {
      readonly metadata: Pick<MetadataStore, "catalogue" | "version">;
      readonly tokens: DelegationTokens | null;
    },
  ): Promise<void> {
    this.#metadata = metadata;
    this.#tokens = tokens;
    const kept = store.readAll(SECRET_FILE);
    if (kept !== null && kept.length === SECRET_BYTES) this.#secret.set(kept);
    else await store.replace(SECRET_FILE, this.#secret);
  }

  #maker(
    mechanism: string,
    { config, keys }: { readonly config: Config; readonly keys: SigningKeys | null },
  ): NewAuthenticator {
    const hash = hashOf(mechanism);
    if (hash !== undefined) {
      const find = (name: string) => this.#findScram(hash, name), secret = this.#secret;
      const findToken = (id: string, salt: Uint8Array) => this.#findToken(hash, id, salt);
      const population = () => this.#population(hash);
      const credentials = {
        find,
        findToken,
        secret,
        get population() {
          return population();
        },
      };
      return () => new ScramLogin(hash, credentials);
    }
    if (mechanism === "PLAIN") {
      const passwords = new Passwords(this.#passwordStore(), this.#secret, this.#derivations);
      return () => new PlainLogin(passwords);
    }
    const { issuer, audience, principalClaim, clockSkewSeconds } = config.oauth;
    const { clock } = this.rules;
    const tokens = new BearerTokens(keys!, {
      issuer,
      audiences: audience,
      principalClaim,
      clockSkewSeconds,
      nowMs: () => clock.nowMs(),
      onRefused: (reason) => log.clientEvent("token_refused", { reason }),
    });
    return () => new BearerLogin(tokens);
  }

  #overHttp({ auth: { mechanism: asked } }: Config): Map<string, NewAuthenticator> {
    const secret = this.#secret, found = new Map<string, NewAuthenticator>();
    const passwords = (store: PasswordStore, hash: ScramHash) =>
      new Passwords(store, secret, this.#derivations, hash);
    const kinds = [
      ...asked.includes("PLAIN") ? [passwords(this.#passwordStore(), PASSWORD_HASH)] : [],
      ...SCRAM_HASHES.filter(({ mechanism }) => asked.includes(mechanism))
        .map((hash) => passwords(this.#scramStore(hash), hash)),
    ];
    if (kinds.length > 0) {
      const every = new EveryPassword(kinds);
      found.set("PLAIN", () => new PlainLogin(every));
    }
    const bearer = this.mechanisms.get("OAUTHBEARER");
    if (bearer !== undefined) found.set("OAUTHBEARER", bearer);
    return found;
  }

  #scramStore(hash: ScramHash): PasswordStore {
    const file = this.#file;
    let known = { version: -1, most: 0 };
    const mostOf = (): number => {
      const metadata = this.#metadata;
      if (metadata !== null && metadata.version !== known.version) {
        let most = 0;
        for (const one of metadata.catalogue.kept("UserScramCredentialRecord")) {
          if (one.mechanism === hash.number) most = Math.max(most, one.iterations);
        }
        known = { version: metadata.version, most };
      }
      return Math.max(known.most, file?.mostIterations(hash.mechanism) ?? 0);
    };
    return {
      find: (name) => this.#findScram(hash, name),
      get mostIterations() {
        return mostOf();
      },
    };
  }

  #passwordStore(): PasswordStore {
    const file = this.#file, own = this.#own;
    return {
      find: (name: string) =>
        own?.name === name ? own.credential : file?.find(PASSWORD_HASH.mechanism, name) ?? null,
      get mostIterations() {
        const most = file?.mostIterations(PASSWORD_HASH.mechanism) ?? 0;
        return Math.max(most, own?.credential.iterations ?? 0);
      },
    };
  }

  #findScram({ mechanism, number }: ScramHash, name: string): ScramCredential | null {
    return this.#metadata?.catalogue.scramCredential(number, name) ??
      this.#file?.find(mechanism, name) ?? null;
  }

  #findToken(hash: ScramHash, tokenId: string, salt: Uint8Array): TokenLogin | null {
    const tokens = this.#tokens, token = tokens?.find(tokenId) ?? null;
    const how = { salt, derivations: this.#derivations };
    const credential = tokens?.credential(hash, tokenId, how) ?? null;
    if (tokens === null || token === null || credential === null) return null;
    const { clock } = this.rules;
    const expiresAtMs = () => {
      const now = tokens.find(tokenId);
      if (now === null || hasExpired(now, clock.nowMs())) return null;
      return Math.min(now.expirationTimestamp, now.maxTimestamp);
    };
    return { credential, owner: token.owner, expiresAtMs };
  }

  /** What users of a mechanism look like; looked through again when there are others. */
  #population({ number, mechanism }: ScramHash): Population {
    const metadata = this.#metadata, file = this.#file, known = this.#populations.get(number);
    const version = `${metadata?.version} ${file?.version}`;
    if (known?.version === version) return known.population;
    const ofCluster = metadata?.catalogue.kept("UserScramCredentialRecord") ?? [];
    const population = new Population([
      ...[...ofCluster].filter((one) => one.mechanism === number),
      ...file?.credentials(mechanism) ?? [],
    ], { iterations: DEFAULT_ITERATIONS, saltBytes: null });
    this.#populations.set(number, { version, population });
    return population;
  }
}

const log = logger("authentication");
const PASSWORD_HASH = hashOf("SCRAM-SHA-512")!;

function openUsers(
  path: string,
  { monotonicMs, onTaken }: {
    readonly monotonicMs: () => number;
    readonly onTaken: () => void;
  },
): UsersFile {
  try {
    return new UsersFile(path, {
      monotonicMs,
      onEvent(event, details) {
        if (event !== "users_file_taken") return log.warn(event, details);
        log.info(event, details);
        onTaken();
      },
    });
  } catch (error) {
    throw new ConfigError(`auth.users_file cannot be used: ${(error as Error).message}`);
  }
}

async function readKeys(jwks: string): Promise<Uint8Array> {
  if (/^https?:\/\//.test(jwks)) return await fetchKeys(jwks);
  const path = jwks.startsWith("file:") ? decodeURIComponent(new URL(jwks).pathname) : jwks;
  return readPublicFile(path, MAX_JWKS_BYTES);
}

function rulesOf(
  { auth, limits }: Config,
  { machine: { clock, timers }, metrics, audit }: {
    readonly machine: Pick<MachineRoom, "clock" | "timers">;
    readonly metrics: Metrics;
    readonly audit: Audit | null;
  },
): LoginRules {
  const counts = { done: 0, again: 0, failed: 0 };
  metrics.gauge("logins_total", "Log-ins that succeeded.", () => counts.done);
  metrics.gauge(
    "relogins_total",
    "Sessions that were proved again before they ended.",
    () => counts.again,
  );
  metrics.gauge("login_failures_total", "Log-ins that failed.", () => counts.failed);
  return {
    failureDelayMs: auth.failureDelayMs,
    maxReauthMs: auth.maxReauthMs,
    pace: new AttemptPace({
      failuresPerSecond: auth.maxFailuresPerSecond,
      maxWaitMs: limits.authenticationTimeoutMs,
      monotonicMs: () => clock.monotonicMs(),
      after: (ms, work) => timers.after(ms, work),
    }),
    clock,
    pause: (ms) => new Promise((resolve) => timers.after(ms, () => resolve())),
    onEnd(end) {
      count(counts, end);
      audit?.loggedIn(end);
      if (end.result === "done") return;
      const { peer, listener, mechanism, result } = end;
      const { claimed = null, clientId = null } = end;
      metrics.refusals.note({
        kind: "login_failed",
        reason: result,
        what: `${mechanism} at ${listener}`,
        address: peer,
        principal: claimed,
        clientId,
      });
      log.clientEvent("login_failed", { peer, listener, mechanism, result });
    },
  };
}

function count(
  counts: { done: number; again: number; failed: number },
  { result, isAgain }: LoginEnd,
): void {
  if (result !== "done") counts.failed++;
  else if (isAgain) counts.again++;
  else counts.done++;
}
