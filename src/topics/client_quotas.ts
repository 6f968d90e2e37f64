/**
 * Client quotas: limits set for users, client ids and addresses, each alone or a user together with a client id. The
 * name null is the default of those that have none of their own (KIP-546).
 */
import { isIP } from "node:net";
import type { Catalogue } from "./catalogue.ts";
import { repeated } from "./outcome.ts";

/** One part of who a quota is for: a user, client-id or ip, and its name. */
export interface QuotaEntityPart {
  readonly entityType: string;
  /** Null: the default. */
  readonly entityName: string | null;
}

export interface ClientQuota {
  readonly entity: readonly QuotaEntityPart[];
  /** By key. */
  readonly values: ReadonlyMap<string, number>;
}

/** Every quota there is, by its entity's key. */
export function clientQuotas(catalogue: Catalogue): Map<string, ClientQuota> {
  const quotas = new Map<
    string,
    { entity: readonly QuotaEntityPart[]; values: Map<string, number> }
  >();
  for (const { entity, key, value } of catalogue.kept("ClientQuotaRecord")) {
    const id = entityKey(entity);
    const quota = quotas.get(id) ?? { entity, values: new Map() };
    quota.values.set(key, value);
    quotas.set(id, quota);
  }
  return quotas;
}

/** The same text for the same entity, in whatever order its parts come. */
export function entityKey(entity: readonly QuotaEntityPart[]): string {
  return JSON.stringify(entity.map((part) => [part.entityType, part.entityName]).sort());
}

export const USER = "user", CLIENT_ID = "client-id", IP = "ip";

const CLIENT_KEYS: Readonly<Record<string, NumberType>> = {
  producer_byte_rate: "LONG",
  consumer_byte_rate: "LONG",
  request_percentage: "DOUBLE",
  controller_mutation_rate: "DOUBLE",
};
const IP_KEYS: Readonly<Record<string, NumberType>> = { connection_creation_rate: "INT" };

type NumberType = "INT" | "LONG" | "DOUBLE";
const LARGEST = { INT: 2 ** 31 - 1, LONG: 2 ** 63, DOUBLE: Number.MAX_VALUE } as const;

/** What is wrong with an entity, in Kafka's words (ClientQuotaControlManager), or null. */
export function entityError(entity: readonly QuotaEntityPart[]): string | null {
  if (entity.length === 0) return "Invalid empty client quota entity";
  for (const { entityType, entityName } of entity) {
    if (![USER, CLIENT_ID, IP].includes(entityType)) {
      return `Unhandled client quota entity type: ${entityType}`;
    }
    if (entityName === "") return `Empty ${entityType} not supported`;
  }
  const [twice] = repeated(entity.map(({ entityType }) => entityType));
  if (twice !== undefined) return `Entity type ${twice} cannot appear more than once in an entity`;
  const ip = entity.find(({ entityType }) => entityType === IP);
  if (ip === undefined) return null;
  if (entity.length > 1) {
    return "Invalid quota entity combination, IP entity should not be combined with User or ClientId";
  }
  return ip.entityName === null || isHost(ip.entityName)
    ? null
    : `${ip.entityName} is not a valid IP or resolvable host.`;
}

/**
 * Whether it stands for an address without asking anybody: localhost, or what InetAddress reads as one. Kafka asks the
 * resolver for other names too, so that what it takes depends on the network it is asked in.
 */
function isHost(name: string): boolean {
  if (/^localhost$/i.test(name)) return true;
  const inner = /^\[(.+)\]$/.exec(name)?.[1];
  const address = (inner ?? name).replace(/%[\w.-]+$/, "");
  if (isIP(address) === 6) return true;
  if (inner !== undefined) return false;
  // Fewer than four numbers: the last one fills what is left ("127.1").
  const parts = /^\d{1,10}(\.\d{1,10}){0,3}$/.test(name) ? name.split(".").map(Number) : [];
  const last = parts.pop();
  return last !== undefined && last < 256 ** (4 - parts.length) &&
    parts.every((part) => part < 256);
}

/** The keys that a quota of this entity may have. */
export function quotaKeys(entity: readonly QuotaEntityPart[]): readonly string[] {
  return Object.keys(keysOf(entity));
}

/** What is wrong with `key = value` for an entity, or null. */
export function quotaError(
  entity: readonly QuotaEntityPart[],
  key: string,
  value: number,
): string | null {
  const keys = keysOf(entity);
  if (!Object.hasOwn(keys, key)) return `Invalid configuration key ${key}`;
  const type = keys[key];
  if (!Number.isFinite(value)) return `Quota ${key} must be a finite number`;
  if (value <= 0) return `Quota ${key} must be greater than 0`;
  if (value > LARGEST[type]) {
    return `Proposed value for ${key} is too large for ${type === "INT" ? "an" : "a"} ${type}.`;
  }
  return type !== "DOUBLE" && Math.abs(value - Math.round(value)) > TOLERANCE
    ? `${key} cannot be a fractional value.`
    : null;
}

const TOLERANCE = 1e-6;

function keysOf(entity: readonly QuotaEntityPart[]): Readonly<Record<string, NumberType>> {
  return entity[0].entityType === IP ? IP_KEYS : CLIENT_KEYS;
}
