/** Whose quota it is, as it is given and as it is printed. */
import { CLIENT_ID, IP, type QuotaEntityPart, USER } from "../../topics/client_quotas.ts";
import type { Call } from "../call.ts";

/** Without a name it is the default; nothing where nothing is said. Throws ConfigError. */
export function entityOf(call: Call): readonly QuotaEntityPart[] {
  return [USER, CLIENT_ID, IP].flatMap((entityType) => {
    const name = call.text(`--${entityType}`), isDefault = call.has(`--default-${entityType}`);
    if (name !== null && isDefault) {
      throw call.misused(`--${entityType} and --default-${entityType} are both given`);
    }
    return name !== null || isDefault ? [{ entityType, entityName: name }] : [];
  });
}

export function entityText(entity: readonly QuotaEntityPart[]): string {
  return entity.map(({ entityType, entityName }) =>
    entityName === null ? `the default of ${entityType}s` : `${entityType} ${entityName}`
  ).join(" with ");
}

/** By type; null is the default, as Kafka has it, and what has no part in it is not there. */
export function entityJson(entity: readonly QuotaEntityPart[]) {
  return Object.fromEntries(entity.map(({ entityType, entityName }) => [entityType, entityName]));
}
