/**
 * Client configuration: how a command speaks to a broker that asks who comes, from a file of Java properties as Kafka's
 * tools take (--command-config), under Java's names of them or librdkafka's.
 *
 * | Java | librdkafka |
 * |---|---|
 * | bootstrap.servers | the same, or metadata.broker.list |
 * | security.protocol | the same |
 * | sasl.mechanism | sasl.mechanisms |
 * | sasl.jaas.config: username="…" password="…" | sasl.username, sasl.password |
 * | the same with tokenauth="true": id and HMAC of a delegation token | |
 * | sasl.oauthbearer.token.endpoint.url=file:/… (a token in a file) | |
 * | ssl.truststore.location with ssl.truststore.type=PEM, or ssl.truststore.certificates | ssl.ca.location |
 * | ssl.keystore.location with ssl.keystore.type=PEM (certificates and key) | ssl.certificate.location, ssl.key.location |
 * | ssl.keystore.certificate.chain, ssl.keystore.key (the PEM itself) | |
 */
import { ConfigError } from "../config/load.ts";
import { permissionsOf } from "../platform.ts";
import { SECURITY_PROTOCOLS, type SecurityProtocol } from "../config/listener_settings.ts";
import type { TlsOptions } from "../client/connection.ts";
import type { SaslOptions } from "../client/sasl.ts";

/** What a Cluster needs of it. */
export interface ClientSecurity {
  readonly tls?: TlsOptions;
  readonly sasl?: SaslOptions;
}

export interface ClientConfig extends ClientSecurity {
  readonly protocol: SecurityProtocol;
  /** "broker:9092,…", where the file says it. */
  readonly bootstrap?: string;
}

/** Reads the file; throws ConfigError with what is wrong, and never with a value that may be a secret. */
export function readClientConfig(path: string): ClientConfig {
  let text: string, mode: number | null;
  try {
    text = Deno.readTextFileSync(path);
    mode = permissionsOf(Deno.statSync(path).mode);
  } catch (error) {
    throw new ConfigError(`--client-config: cannot read ${path}: ${(error as Error).message}`);
  }
  const config = clientConfigOf(readProperties(text), { path, read: readPem });
  if (config.sasl !== undefined && mode !== null && (mode & 0o004) !== 0) {
    throw new ConfigError(
      `--client-config: everybody can read ${path}, which says how to log in: chmod 600 ${path}`,
    );
  }
  return config;
}

function readPem(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new ConfigError(`--client-config: cannot read ${path}: ${(error as Error).message}`);
  }
}

/** `read` is of files that the configuration names. */
export function clientConfigOf(
  properties: ReadonlyMap<string, string>,
  { path, read }: { readonly path: string; readonly read: (path: string) => string },
): ClientConfig {
  const given = (properties.get("security.protocol") ?? "PLAINTEXT").toUpperCase();
  const protocol = SECURITY_PROTOCOLS.find((one) => one === given);
  if (protocol === undefined) {
    throw new ConfigError(
      `${path}: security.protocol is ${given}: needs one of ${SECURITY_PROTOCOLS.join(", ")}`,
    );
  }
  const bootstrap = properties.get("bootstrap.servers") ?? properties.get("metadata.broker.list");
  return {
    protocol,
    ...bootstrap ? { bootstrap } : {},
    tls: protocol.endsWith("SSL") ? tlsOf(properties, { path, read }) : undefined,
    sasl: protocol.startsWith("SASL_") ? saslOf(properties, { path, read }) : undefined,
  };
}

interface Source {
  readonly path: string;
  readonly read: (path: string) => string;
}

function tlsOf(properties: ReadonlyMap<string, string>, { path, read }: Source): TlsOptions {
  for (const store of ["truststore", "keystore"]) {
    const type = properties.get(`ssl.${store}.type`) ?? "PEM";
    const isNamed = properties.has(`ssl.${store}.location`);
    if (isNamed && (type.toUpperCase() !== "PEM" || !properties.has(`ssl.${store}.type`))) {
      throw new ConfigError(`${path}: ssl.${store}.location: needs ssl.${store}.type = PEM`);
    }
  }
  const authority = properties.get("ssl.truststore.location") ?? properties.get("ssl.ca.location");
  const inline = properties.get("ssl.truststore.certificates");
  const caCerts = [...authority === undefined ? [] : [read(authority)], ...inline ? [inline] : []];
  const own = properties.get("ssl.keystore.location");
  const readAt = (name: string) => {
    const place = own ?? properties.get(name);
    return place === undefined ? undefined : read(place);
  };
  const cert = properties.get("ssl.keystore.certificate.chain") ??
    readAt("ssl.certificate.location");
  const key = properties.get("ssl.keystore.key") ?? readAt("ssl.key.location");
  if (cert === undefined && key === undefined) return { caCerts };
  if (cert !== undefined && key !== undefined) return { caCerts, cert, key: keyIn(key) };
  const missing = cert === undefined
    ? "certificate: ssl.certificate.location (Java: ssl.keystore.certificate.chain)"
    : "key: ssl.key.location (Java: ssl.keystore.key)";
  throw new ConfigError(
    `${path}: a client's certificate and its key go together, needs the ${missing}`,
  );
}

/** Of a file that may have certificates too. */
function keyIn(pem: string): string {
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?-----END [A-Z ]*PRIVATE KEY-----/.exec(pem)?.[0] ??
    pem;
}

function saslOf(properties: ReadonlyMap<string, string>, { path, read }: Source): SaslOptions {
  const mechanism = properties.get("sasl.mechanism") ?? properties.get("sasl.mechanisms") ?? "";
  if (mechanism === "OAUTHBEARER") {
    const url = properties.get("sasl.oauthbearer.token.endpoint.url") ?? "";
    if (!url.startsWith("file:")) {
      throw new ConfigError(
        `${path}: OAUTHBEARER needs sasl.oauthbearer.token.endpoint.url, a file: address of a token`,
      );
    }
    return { mechanism, token: () => read(decodeURIComponent(new URL(url).pathname)).trim() };
  }
  if (
    mechanism !== "PLAIN" && mechanism !== "SCRAM-SHA-256" && mechanism !== "SCRAM-SHA-512"
  ) {
    throw new ConfigError(
      `${path}: sasl.mechanism is ${mechanism || "missing"}: ` +
        "needs one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER",
    );
  }
  const jaas = properties.get("sasl.jaas.config") ?? "";
  const username = properties.get("sasl.username") ?? jaasValue(jaas, "username");
  const password = properties.get("sasl.password") ?? jaasValue(jaas, "password");
  if (username === undefined || password === undefined) {
    throw new ConfigError(
      `${path}: ${mechanism} needs username="…" and password="…" in sasl.jaas.config, or sasl.username and sasl.password`,
    );
  }
  if (jaasValue(jaas, "tokenauth")?.toLowerCase() !== "true") {
    return { mechanism, username, password };
  }
  if (mechanism === "PLAIN") {
    throw new ConfigError(`${path}: tokenauth="true" needs SCRAM-SHA-256 or SCRAM-SHA-512`);
  }
  return { mechanism, username, password, isToken: true };
}

/** `username="alice"` of a line of JAAS. */
function jaasValue(jaas: string, name: string): string | undefined {
  const match = new RegExp(`\\b${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|'([^']*)'|([^\\s;]+))`)
    .exec(jaas);
  if (match === null) return undefined;
  const [, quoted, single, bare] = match;
  return quoted?.replace(/\\(.)/g, "$1") ?? single ?? bare;
}

/**
 * As java.util.Properties reads them, as far as such files go: comments, continued lines, = or : or a blank between; without
 * blanks about a value, as Kafka's ConfigDef takes it.
 */
export function readProperties(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let joined: string | null = null;
  for (const raw of `${text}\n`.split(/\r\n?|\n/)) {
    const line = raw.trimStart();
    if (joined === null && /^(?:[#!]|$)/.test(line)) continue;
    const goesOn = /(?:^|[^\\])(?:\\\\)*\\$/.test(line);
    joined = (joined ?? "") + (goesOn ? line.slice(0, -1) : line);
    if (goesOn) continue;
    const [, key, value] = /^((?:[^\\=:\s]|\\.)+)\s*[=:\s]?\s*(.*)$/.exec(joined) ?? [];
    if (key !== undefined) found.set(unescaped(key), unescaped(value).trim());
    joined = null;
  }
  return found;
}

function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, code?: string, letter?: string) => {
    if (code !== undefined) return String.fromCharCode(parseInt(code, 16));
    return { n: "\n", t: "\t", r: "\r", f: "\f" }[letter!] ?? letter!;
  });
}
