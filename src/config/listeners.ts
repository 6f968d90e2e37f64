/**
 * Listeners: what follows from all options that say where clients may connect, and how they are told apart there.
 *
 * `listeners` says it in full, with Kafka's `advertised.listeners` and `listener.security.protocol.map` for those who
 * come from Kafka; without it `kafka_port`, `listen_addresses` and `advertised_address` say one, plain unless `auth.enabled`.
 */
import { advertisedFault, isAnyAddress, isLoopback } from "./addresses.ts";
import {
  type ClientAuth,
  type ListenerSetting,
  SECURITY_PROTOCOLS,
  type SecurityProtocol,
} from "./listener_settings.ts";
import type { Config } from "./options.ts";

/** Where clients may connect, and what is asked of them there. */
export interface ListenerConfig {
  /** "PLAINTEXT", "EXTERNAL"; no other has it. */
  readonly name: string;
  readonly protocol: SecurityProtocol;
  readonly addresses: readonly string[];
  /** 0 takes any free one, the same on each address. */
  readonly port: number;
  /** Where clients are told to connect; null: where it listens, or the address that they came by. */
  readonly advertised: { readonly host: string; readonly port: number | null } | null;
  /** Null where nothing is encrypted. */
  readonly tls: ListenerTls | null;
  /** Connections at one time, and a second; null: as many as over all listeners. */
  readonly maxConnections: number | null;
  readonly maxConnectionCreationRate: number | null;
}

/** Files are PEM. */
export interface ListenerTls {
  readonly certificateFile: string;
  /** May be the certificate's file. */
  readonly keyFile: string;
  /** Whose certificates of clients are trusted; "" where none are asked for. */
  readonly clientCaFile: string;
  readonly clientAuth: ClientAuth;
  readonly principalMappingRules: string;
}

type ListenerOptions = Pick<
  Config,
  | "listeners"
  | "advertisedListeners"
  | "listenerSecurityProtocolMap"
  | "kafkaPort"
  | "listenAddresses"
  | "advertisedAddress"
  | "tls"
  | "auth"
  | "insecure"
>;

/** The listeners of a configuration that has no fault. */
export function listenersOf(config: ListenerOptions): readonly ListenerConfig[] {
  const listeners = resolve(config);
  if (typeof listeners === "string") throw new Error(listeners);
  return listeners;
}

/** What is wrong with where clients may connect, in one sentence with the way out; or null. */
export function listenersFault(config: ListenerOptions): string | null {
  const listeners = resolve(config);
  if (typeof listeners === "string") return listeners;
  for (const [index, listener] of listeners.entries()) {
    const fault = faultOf(listener, config.insecure) ?? clearFault(listener, config) ??
      conflictOf(listener, listeners.slice(0, index));
    if (fault !== null) return fault;
  }
  return null;
}

/** Whether everyone who comes by it has proved who it is. */
export function isAuthenticated({ tls, protocol }: ListenerConfig): boolean {
  return protocol.startsWith("SASL_") || tls?.clientAuth === "required";
}

function resolve(config: ListenerOptions): readonly ListenerConfig[] | string {
  if (config.listeners.length === 0) return resolveShort(config);
  for (const key of ["listenAddresses", "advertisedAddress"] as const) {
    const isSet = key === "listenAddresses"
      ? config[key].join() !== "127.0.0.1"
      : config[key] !== "";
    if (isSet) return `listeners and ${SHORT[key]} are both set: say it in listeners alone`;
  }
  const protocols = protocolMap(config);
  if (typeof protocols === "string") return protocols;
  const advertised = advertisedMap(config);
  if (typeof advertised === "string") return advertised;
  const listeners: ListenerConfig[] = [];
  for (const setting of config.listeners) {
    const listener = resolveOne(setting, { config, protocols, advertised });
    if (typeof listener === "string") return listener;
    listeners.push(listener);
  }
  const unknown = [...advertised.keys()].find((name) =>
    !listeners.some((one) => one.name === name)
  );
  return unknown === undefined
    ? listeners
    : `advertised_listeners has ${unknown}, and listeners has no such name`;
}

const SHORT = { listenAddresses: "listen_addresses", advertisedAddress: "advertised_address" };

/** The one listener. */
function resolveShort(config: ListenerOptions): readonly ListenerConfig[] | string {
  const { kafkaPort, listenAddresses, advertisedAddress, advertisedListeners } = config;
  if (advertisedListeners.length > 0) {
    return "advertised_listeners is set without listeners: say there where to listen, or set advertised_address";
  }
  const fault = advertisedFault(advertisedAddress);
  if (fault !== null) return `advertised_address = ${JSON.stringify(advertisedAddress)}: ${fault}`;
  const { auth, tls } = config;
  const protocol: SecurityProtocol = !auth.enabled
    ? "PLAINTEXT"
    : tls.certificateFile === ""
    ? "SASL_PLAINTEXT"
    : "SASL_SSL";
  return [{
    name: protocol,
    protocol,
    addresses: listenAddresses,
    port: kafkaPort,
    advertised: splitAdvertised(advertisedAddress),
    maxConnections: null,
    maxConnectionCreationRate: null,
    tls: protocol === "SASL_SSL" ? { ...tls, keyFile: tls.keyFile || tls.certificateFile } : null,
  }];
}

function resolveOne(
  setting: ListenerSetting,
  { config, protocols, advertised }: {
    readonly config: ListenerOptions;
    readonly protocols: ReadonlyMap<string, SecurityProtocol>;
    readonly advertised: ReadonlyMap<string, string>;
  },
): ListenerConfig | string {
  const name = setting.name ?? setting.protocol ?? "PLAINTEXT";
  const protocol = (setting.protocol ?? protocols.get(name)) as SecurityProtocol | undefined;
  if (protocol === undefined) {
    return `the listener ${name} has no protocol: name it in listener_security_protocol_map (${name}:SSL)`;
  }
  const told = setting.advertised ?? advertised.get(name) ?? "";
  const fault = advertisedFault(told);
  if (fault !== null) return `the listener ${name} advertises ${JSON.stringify(told)}: ${fault}`;
  const address = setting.address ?? "127.0.0.1", { tls } = config;
  const certificateFile = setting.certificateFile ?? tls.certificateFile;
  const clientAuth = (setting.clientAuth ?? tls.clientAuth) as ClientAuth;
  return {
    name,
    protocol,
    addresses: [address === "" ? "0.0.0.0" : address],
    port: setting.port ?? config.kafkaPort,
    advertised: splitAdvertised(told),
    maxConnections: setting.maxConnections ?? null,
    maxConnectionCreationRate: setting.maxConnectionCreationRate ?? null,
    tls: protocol.endsWith("SSL")
      ? {
        certificateFile,
        keyFile: (setting.keyFile ?? (setting.certificateFile === undefined ? tls.keyFile : "")) ||
          certificateFile,
        clientCaFile: clientAuth === "none" ? "" : setting.clientCaFile ?? tls.clientCaFile,
        clientAuth,
        principalMappingRules: setting.principalMappingRules ?? tls.principalMappingRules,
      }
      : null,
  };
}

/** Kafka's map; a name that is a protocol's stands for that where the map does not have it. */
function protocolMap(config: ListenerOptions): ReadonlyMap<string, SecurityProtocol> | string {
  const map = new Map<string, SecurityProtocol>(SECURITY_PROTOCOLS.map((name) => [name, name]));
  for (const pair of config.listenerSecurityProtocolMap) {
    const [name, protocol] = pair.toUpperCase().split(":");
    if (!SECURITY_PROTOCOLS.includes(protocol as SecurityProtocol)) {
      return `listener_security_protocol_map has ${pair}: needs NAME: and one of ${
        SECURITY_PROTOCOLS.join(", ")
      }`;
    }
    map.set(name, protocol as SecurityProtocol);
  }
  return map;
}

/** "EXTERNAL" → "broker.example:9094" */
function advertisedMap(config: ListenerOptions): ReadonlyMap<string, string> | string {
  const map = new Map<string, string>();
  for (const one of config.advertisedListeners) {
    const match = /^([^:/]+):\/\/(.*:\d{1,5})$/.exec(one);
    if (match === null) return `advertised_listeners has ${one}: needs NAME://host:port`;
    const [, name, told] = match;
    if (map.has(name.toUpperCase())) return `advertised_listeners has ${name} twice`;
    map.set(name.toUpperCase(), told);
  }
  return map;
}

function splitAdvertised(text: string): ListenerConfig["advertised"] {
  if (text === "") return null;
  const [, host, port] = /^(\[.+\]|[^:]+)(?::(\d+))?$/.exec(text)!;
  return { host: host.replace(/^\[|\]$/g, ""), port: port === undefined ? null : Number(port) };
}

function faultOf(listener: ListenerConfig, insecure: boolean): string | null {
  const { name, protocol, addresses, tls } = listener;
  if (tls !== null && tls.certificateFile === "") {
    return `the listener ${name} is ${protocol} and has no certificate: set tls.certificate_file, and tls.key_file ` +
      "where the key is in a file of its own";
  }
  if (tls !== null && tls.clientAuth !== "none" && tls.clientCaFile === "") {
    return `the listener ${name} asks clients for certificates (client_auth = ${tls.clientAuth}), and trusts none: ` +
      "set tls.client_ca_file";
  }
  const open = addresses.find((address) => !isLoopback(address));
  if (open === undefined || insecure || isAuthenticated(listener)) return null;
  return name === "PLAINTEXT" && tls === null
    ? `listen_addresses has ${open}, which other machines can reach, and there is no authentication: ` +
      "set auth.enabled = true, or insecure = true (--insecure) if everyone there may read, write and delete"
    : `the listener ${name} is at ${open}, which other machines can reach, and does not ask who comes: ` +
      "make it a SASL listener, set client_auth = required on an SSL one, or insecure = true (--insecure) if everyone there may read, " +
      "write and delete";
}

/** Who listens on the way has a password that is shown, or a token, for good; SCRAM shows neither. */
function clearFault(
  { name, protocol, addresses }: ListenerConfig,
  { auth, insecure }: ListenerOptions,
): string | null {
  const open = addresses.find((address) => !isLoopback(address));
  if (protocol !== "SASL_PLAINTEXT" || open === undefined || insecure || auth.allowInClear) {
    return null;
  }
  const shown = auth.mechanism.includes("PLAIN")
    ? "passwords of PLAIN"
    : auth.mechanism.includes("OAUTHBEARER")
    ? "tokens of OAUTHBEARER"
    : null;
  return shown &&
    `the listener ${name} is at ${open}, which other machines can reach, and there ${shown} would travel ` +
      "in clear: give it TLS (SASL_SSL, tls.certificate_file), or take auth.mechanism = SCRAM-SHA-512, or set " +
      "auth.allow_in_clear = true where nobody listens on the way";
}

/** Two of one name, or where one would take the other's port. */
function conflictOf(listener: ListenerConfig, others: readonly ListenerConfig[]): string | null {
  for (const other of others) {
    if (other.name === listener.name) return `listeners has ${other.name} twice: needs other names`;
    if (listener.port === 0 || other.port !== listener.port) continue;
    const isShared = listener.addresses.some((a) => other.addresses.some((b) => overlaps(a, b)));
    if (isShared) {
      return `the listeners ${other.name} and ${listener.name} are both at port ${listener.port}: need two ports`;
    }
  }
  return null;
}

/** Every address of one family holds each of it. */
function overlaps(a: string, b: string): boolean {
  if (a === b) return true;
  return (isAnyAddress(a) || isAnyAddress(b)) && (a.includes(":") === b.includes(":") ||
    [a, b].some((one) => isAnyAddress(one) && one.includes(":")));
}
