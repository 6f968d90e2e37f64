/** Rules: what must hold between options. */
import { isLoopback } from "./addresses.ts";
import { asksConsoleLogin, hasFormOfJwt, haveUsersTokens } from "./asks_console_login.ts";
import { isAuthenticated, listenersFault, listenersOf } from "./listeners.ts";
import type { Config } from "./options.ts";

/** The first rule broken, in one sentence with the way out, or null. */
export function checkRules(config: Config): string | null {
  if (config.batching.flushIntervalMs === 0 && config.storage.flush === "interval") {
    return "batching.flush_interval_ms = 0 with storage.flush = interval: needs the period between two fsyncs, above 0";
  }
  if (
    config.quotas.maxConnectionsPerIp === 0 &&
    config.quotas.maxConnectionsPerIpOverrides.length === 0
  ) {
    return "quotas.max_connections_per_ip = 0 lets nobody in: needs quotas.max_connections_per_ip_overrides beside it";
  }
  const groups = groupsRule(config.groups);
  if (groups !== null) return groups;
  if (config.tls.cipherSuites !== "") {
    return "tls.cipher_suites is set: the runtime has the choice of ciphers, all of them forward secret and " +
      "authenticated, and cannot be given another: leave it out";
  }
  const fault = listenersFault(config);
  return fault ?? authRule(config) ?? httpRule(config) ?? consoleRule(config) ?? auditRule(config);
}

/** What is asked of a file needs one. */
function auditRule({ audit }: Config): string | null {
  if (audit.file !== "") {
    return audit.hashKey !== "" && !audit.hashChain
      ? "audit.hash_key is set, and audit.hash_chain is not: nothing is hashed with it"
      : null;
  }
  const need = "needs audit.file, the file to write to";
  if (audit.hashChain) return `audit.hash_chain is set: ${need}`;
  return audit.onFailure === "refuse" ? `audit.on_failure = refuse: ${need}` : null;
}

/** Every mechanism that a listener offers has somebody to let in, or a way to know whom. */
function authRule(config: Config): string | null {
  const { auth, oauth } = config, listeners = listenersOf(config);
  if (auth.enabled) {
    const open = listeners.find((listener) => !isAuthenticated(listener));
    if (open !== undefined) {
      return `auth.enabled is set, and the listener ${open.name} is ${open.protocol} and asks nobody who they are: ` +
        "make it SASL_PLAINTEXT or SASL_SSL, or SSL with client_auth = required";
    }
  }
  const hasLogins = listeners.some(({ protocol }) => protocol.startsWith("SASL_"));
  if (!hasLogins && !asksConsoleLogin(config)) return null;
  if ((auth.plainUsername === "") !== (auth.plainPassword === "")) {
    return "auth.plain_username and auth.plain_password belong together: one of them is missing " +
      "(RUNNEL_AUTH_PLAIN_PASSWORD, auth.plain_password_file)";
  }
  const mechanisms: readonly string[] = auth.mechanism;
  if (mechanisms.includes("PLAIN") && auth.plainUsername === "" && auth.usersFile === "") {
    return "auth.mechanism has PLAIN, and there is no user of it: set auth.plain_username and auth.plain_password, or " +
      "auth.users_file (`runnel user add`)";
  }
  if (!mechanisms.includes("OAUTHBEARER")) return null;
  const missing = (["jwks", "issuer"] as const).find((name) => oauth[name] === "") ??
    (oauth.audience.length === 0 ? "audience" : null);
  if (missing !== null) return `auth.mechanism has OAUTHBEARER: needs oauth.${missing}`;
  return jwksFault(oauth.jwks);
}

/** Keys that somebody on the way can replace let anybody in; what is no address is a path. */
function jwksFault(jwks: string): string | null {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(jwks)) return null;
  const url = URL.parse(jwks), isWhole = /^[a-z]+:\/\//.test(jwks);
  if (url !== null && (url.username !== "" || url.password !== "")) {
    return "oauth.jwks has a user or a password, and it is shown as it is: needs an address without them";
  }
  if (url?.protocol === "file:" || (isWhole && url?.protocol === "https:")) return null;
  const isOwn = isLoopback(url?.hostname.replace(/^\[|\]$/g, "") ?? "");
  return isWhole && url?.protocol === "http:" && isOwn
    ? null
    : `oauth.jwks = ${jwks}: needs a path, an https:// address, or an http:// one of this machine`;
}

/** Whoever can reach the HTTP port may ask, so it is not reached from elsewhere unless it asks who comes. */
function httpRule(config: Config): string | null {
  const { http, httpPort, tls, insecure } = config;
  if (httpPort !== 0) {
    const taken = listenersOf(config).find(({ port }) => port === httpPort);
    if (taken !== undefined) {
      return config.listeners.length === 0
        ? `kafka_port and http_port are both ${httpPort}: need two ports`
        : `the listener ${taken.name} and http_port are both ${httpPort}: need two ports`;
    }
  }
  if (http.tls && tls.certificateFile === "") {
    return "http.tls is set, and there is no certificate: set tls.certificate_file, and tls.key_file where the key is " +
      "in a file of its own";
  }
  if (http.authentication === "basic" && (http.username === "" || http.password === "")) {
    return "http.authentication = basic: needs http.username and http.password (RUNNEL_HTTP_PASSWORD)";
  }
  if (http.authentication === "bearer" && http.token === "") {
    return "http.authentication = bearer: needs http.token (RUNNEL_HTTP_TOKEN)";
  }
  if (http.authentication === "bearer" && hasFormOfJwt(http.token) && haveUsersTokens(config)) {
    return "http.token has two dots, as the tokens of OAUTHBEARER have, by which users log in at the same port: a guess " +
      "could not be told from a user: needs another token";
  }
  const address = httpAddressOf(config);
  if (isLoopback(address) || insecure) return null;
  if (http.authentication === "none") {
    return `HTTP listens on ${address}, which other machines can reach, and asks nobody who they are: set ` +
      "http.authentication, or http.address = 127.0.0.1, or insecure = true (--insecure)";
  }
  return http.tls
    ? null
    : `HTTP listens on ${address}, where a password or token would travel in clear: set http.tls, or insecure = true`;
}

/** Who may change something says who it is, or is on this machine, where that is everybody. */
function consoleRule({ console, http }: Config): string | null {
  if (!console.enabled || console.principal === "" || http.authentication !== "none") return null;
  return `console.principal = ${console.principal}: whoever asks would be that user, and http.authentication asks nobody who ` +
    "they are: set http.authentication, or leave console.principal out";
}

/** Where HTTP listens: with listeners of its own kind it stays at home unless it is told otherwise. */
export function httpAddressOf(
  { http, listeners, listenAddresses }: Pick<Config, "http" | "listeners" | "listenAddresses">,
): string {
  if (http.address !== "") return http.address.replace(/^\[|\]$/g, "");
  return listeners.length > 0 ? "127.0.0.1" : listenAddresses[0];
}

/** Bounds of consumer groups hold what they bound, and a heartbeat comes before the session ends (GroupCoordinatorConfig). */
function groupsRule(groups: Config["groups"]): string | null {
  const ranges = [
    [
      "session_timeout_ms",
      groups.consumerMinSessionTimeoutMs,
      groups.consumerSessionTimeoutMs,
      groups.consumerMaxSessionTimeoutMs,
    ],
    [
      "heartbeat_interval_ms",
      groups.consumerMinHeartbeatIntervalMs,
      groups.consumerHeartbeatIntervalMs,
      groups.consumerMaxHeartbeatIntervalMs,
    ],
    [
      "assignment_interval_ms",
      groups.consumerMinAssignmentIntervalMs,
      groups.consumerAssignmentIntervalMs,
      groups.consumerMaxAssignmentIntervalMs,
    ],
  ] as const;
  for (const [name, min, value, max] of ranges) {
    if (min <= value && value <= max) continue;
    return `groups.consumer_${name} = ${value}: needs groups.consumer_min_${name} (${min}) to groups.consumer_max_${name} (${max})`;
  }
  const { consumerHeartbeatIntervalMs: beat, consumerSessionTimeoutMs: session } = groups;
  return beat < session
    ? null
    : `groups.consumer_heartbeat_interval_ms = ${beat}: needs less than groups.consumer_session_timeout_ms (${session})`;
}
