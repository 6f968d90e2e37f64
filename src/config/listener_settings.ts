/**
 * Listener settings: the value of the option `listeners` as it is given, be it tables of the TOML file ([[listeners]]),
 * objects of an embedding program, or Kafka's text ("PLAINTEXT://127.0.0.1:9092,SSL://:9094"). What follows from them
 * together with the other options is in listeners.ts.
 */
import { closest } from "./near_miss.ts";

/** One listener, as far as it was given. */
export interface ListenerSetting {
  /** Upper case, as Kafka has names of listeners. */
  readonly name?: string;
  readonly protocol?: string;
  /** "" stands for every address. */
  readonly address?: string;
  readonly port?: number;
  /** host or host:port */
  readonly advertised?: string;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  readonly clientCaFile?: string;
  readonly clientAuth?: string;
  readonly principalMappingRules?: string;
  readonly maxConnections?: number;
  readonly maxConnectionCreationRate?: number;
}

export const SECURITY_PROTOCOLS = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] as const;
export type SecurityProtocol = typeof SECURITY_PROTOCOLS[number];

export const CLIENT_AUTH = ["none", "requested", "required"] as const;
export type ClientAuth = typeof CLIENT_AUTH[number];

export const LISTENERS_NEED =
  "NAME://host:port with commas between, or tables with name, protocol, address, port, advertised, certificate_file, " +
  "key_file, client_ca_file, client_auth, principal_mapping_rules, max_connections and max_connection_creation_rate";

const NAME = /^[A-Za-z0-9_.-]{1,100}$/;
const ADDRESS = /^$|^[A-Za-z0-9._:%-]{1,255}$|^\[[0-9A-Fa-f:%.]+\]$/;

interface Field {
  readonly need: string;
  readonly accepts: (value: unknown) => boolean;
}

const text = (pattern: RegExp, need: string): Field => ({
  need,
  accepts: (value) => typeof value === "string" && pattern.test(value),
});
const oneOf = (choices: readonly string[]): Field => ({
  need: `one of ${choices.join(", ")}`,
  accepts: (value) => choices.includes(value as string),
});
const count: Field = {
  need: "a whole number, 1 to 2147483647",
  accepts: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) < 2 ** 31,
};
const path = text(/^[^\0]{0,4096}$/, "a path");

/** What a table may have. */
const FIELDS: Readonly<Record<keyof ListenerSetting, Field>> = {
  name: text(NAME, "letters, digits, '.', '_' and '-'"),
  protocol: oneOf(SECURITY_PROTOCOLS),
  address: text(ADDRESS, "a host name or an IP address"),
  port: {
    need: "a whole number, 0 to 65535",
    accepts: (value) => Number.isInteger(value) && (value as number) >= 0 && Number(value) <= 65535,
  },
  advertised: text(/^[^\s/]{0,300}$/, "a host or host:port, IPv6 in brackets"),
  certificateFile: path,
  keyFile: path,
  clientCaFile: path,
  clientAuth: oneOf(CLIENT_AUTH),
  principalMappingRules: text(
    /^[^\0]{0,4096}$/,
    "Kafka's rules (RULE:pattern/replacement/, DEFAULT)",
  ),
  maxConnections: count,
  maxConnectionCreationRate: count,
};

/** The settings, or what is wrong with them, in words that begin with where: "listeners[1].port …". */
export function readListenerSettings(given: unknown): readonly ListenerSetting[] | string {
  if (typeof given === "string") return readText(given);
  if (!Array.isArray(given)) return `${shown(given)}: needs ${LISTENERS_NEED}`;
  if (given.every((one) => typeof one === "string")) return readText(given.join(","));
  const settings: ListenerSetting[] = [];
  for (const [index, table] of given.entries()) {
    const read = readTable(table, `listeners[${index}]`);
    if (typeof read === "string") return read;
    settings.push(read);
  }
  return settings;
}

/** Kafka's text of them: "SSL://0.0.0.0:9094". */
export function listenerSettingsText(settings: readonly ListenerSetting[]): string {
  return settings.map(({ name, protocol = "PLAINTEXT", address = "", port }) =>
    `${name ?? protocol}://${address}:${port ?? ""}`
  ).join(",");
}

function readText(given: string): readonly ListenerSetting[] | string {
  if (given.trim() === "") return [];
  const settings: ListenerSetting[] = [];
  for (const one of given.split(",").map((word) => word.trim())) {
    const match = /^([^:/]+):\/\/(\[[^\]]*\]|[^:/]*):(\d{1,5})$/.exec(one);
    if (match === null || !NAME.test(match[1]) || Number(match[3]) > 65535) {
      return `${shown(one)}: needs NAME://host:port, as in SSL://0.0.0.0:9094`;
    }
    const [, name, host, port] = match, address = host.replace(/^\[|\]$/g, "");
    if (!ADDRESS.test(address)) return `${shown(one)}: ${shown(address)} is no host`;
    settings.push({ name: name.toUpperCase(), address, port: Number(port) });
  }
  return settings;
}

function readTable(table: unknown, where: string): ListenerSetting | string {
  if (typeof table !== "object" || table === null || Array.isArray(table)) {
    return `${where} is ${shown(table)}: needs a table`;
  }
  const setting: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(table)) {
    const name = key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
    if (!Object.hasOwn(FIELDS, name)) {
      const keys = Object.keys(FIELDS).map(snake), near = closest(key, keys);
      return `${where}: unknown key ${key}: ${
        near === null ? `there are ${keys.join(", ")}` : `did you mean ${near}?`
      }`;
    }
    if (value === undefined) continue;
    const field = FIELDS[name as keyof ListenerSetting];
    if (!field.accepts(value)) {
      return `${where}.${key}: bad value ${shown(value)}: needs ${field.need}`;
    }
    setting[name] = value;
  }
  const { name, address } = setting as ListenerSetting;
  if (name !== undefined) setting.name = name.toUpperCase();
  if (address !== undefined) setting.address = address.replace(/^\[|\]$/g, "");
  return setting;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
