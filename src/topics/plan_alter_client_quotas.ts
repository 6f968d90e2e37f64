/**
 * planAlterClientQuotas: from an AlterClientQuotas request and the catalogue to CLIENT_QUOTA_RECORDs and an outcome for
 * each entity. An entity is altered whole or not at all.
 */
import { ErrorCode } from "../protocol/errors.ts";
import type { Catalogue } from "./catalogue.ts";
import {
  type ClientQuota,
  clientQuotas,
  entityError,
  entityKey,
  type QuotaEntityPart,
  quotaError,
} from "./client_quotas.ts";
import type { NewRecord } from "./metadata_record.ts";
import type { Steps } from "./metadata_store.ts";
import { failure, type Outcome, repeated, repeatedInSteps, SUCCESS } from "./outcome.ts";

export interface QuotaAlteration {
  readonly entity: readonly QuotaEntityPart[];
  readonly ops: readonly {
    readonly key: string;
    readonly value: number;
    readonly remove: boolean;
  }[];
}

export interface QuotaOutcome extends Outcome {
  readonly entity: readonly QuotaEntityPart[];
}

export function* planAlterClientQuotas(
  catalogue: Catalogue,
  alterations: readonly QuotaAlteration[],
): Steps<QuotaOutcome[]> {
  const quotas = clientQuotas(catalogue);
  const keys: string[] = [];
  for (const [i, { entity }] of alterations.entries()) {
    keys.push(entity.length > MAX_PARTS ? `refused ${i}` : entityKey(entity));
    yield;
  }
  const twice = yield* repeatedInSteps(keys);
  const records: NewRecord[] = [], result: QuotaOutcome[] = [];
  let added = 0;
  const alter = ({ entity, ops }: QuotaAlteration, i: number): QuotaOutcome => {
    const error = twice.has(keys[i])
      ? "An entity cannot be altered twice in the same request"
      : entityError(entity) ?? opsError(entity, ops);
    if (error !== null) return { entity, ...failure(ErrorCode.INVALID_REQUEST, error) };
    if (!quotas.has(keys[i]) && quotas.size + ++added > MAX_ENTITIES) {
      return { entity, ...TOO_MANY };
    }
    records.push(...changes(entity, ops, quotas.get(keys[i])));
    return { entity, ...SUCCESS };
  };
  for (const [i, alteration] of alterations.entries()) {
    result.push(alter(alteration, i));
    yield;
  }
  return { records, result };
}

/** A user, a client id and an address: with more of them an entity is none, and not looked at for what it is. */
const MAX_PARTS = 3;
/** Entities with quotas. Kafka sets no limit. */
const MAX_ENTITIES = 10_000;
const TOO_MANY = failure(
  ErrorCode.POLICY_VIOLATION,
  `There may be quotas for ${MAX_ENTITIES} users, client ids and addresses.`,
);

function opsError(
  entity: readonly QuotaEntityPart[],
  ops: QuotaAlteration["ops"],
): string | null {
  const [twice] = repeated(ops.map(({ key }) => key));
  if (twice !== undefined) return `Quota ${twice} cannot be altered twice in the same request`;
  for (const { key, value, remove } of ops) {
    const error = remove ? null : quotaError(entity, key, value);
    if (error !== null) return error;
  }
  return null;
}

function changes(
  entity: readonly QuotaEntityPart[],
  ops: QuotaAlteration["ops"],
  current: ClientQuota | undefined,
): NewRecord[] {
  return ops
    .filter(({ key, value, remove }) =>
      remove ? current?.values.has(key) : current?.values.get(key) !== value
    )
    .map(({ key, value, remove }) => ({
      kind: "ClientQuotaRecord",
      version: 0,
      value: { entity, key, value: remove ? 0 : value, remove },
    }));
}
