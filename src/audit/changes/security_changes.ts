/** Changes of who may do what, how much and as whom: ACLs, users, quotas, delegation tokens. Secrets are not written. */
import { createHash } from "node:crypto";
import { AlterClientQuotas } from "../../protocol/messages/alter_client_quotas.ts";
import { AlterUserScramCredentials } from "../../protocol/messages/alter_user_scram_credentials.ts";
import { CreateAcls } from "../../protocol/messages/create_acls.ts";
import { CreateDelegationToken } from "../../protocol/messages/create_delegation_token.ts";
import { DeleteAcls } from "../../protocol/messages/delete_acls.ts";
import { ExpireDelegationToken } from "../../protocol/messages/expire_delegation_token.ts";
import { RenewDelegationToken } from "../../protocol/messages/renew_delegation_token.ts";
import type { Encodable } from "../../protocol/schema.ts";
import { Operation, PatternType, Permission, ResourceType } from "../../security/acl/acl.ts";
import { aclText, wordOf } from "../audited_access.ts";
import { type Change, change, each, eachOf, indexed } from "./change.ts";

export const securityChanges: readonly Change[] = [
  change(CreateAcls, {
    action: "acl.create",
    doc: "ACLs are made.",
    isChange: () => true,
    items: ({ creations }) =>
      each(creations, ({ resourcePatternType, ...acl }, i) => ({
        type: "acl",
        name: aclText({ ...acl, patternType: resourcePatternType }),
        codeOf: ({ results }) => results?.[i] === undefined ? null : results[i].errorCode ?? 0,
      })),
    refuse: ({ creations }, refusal) => ({ results: creations.map(() => refusal) }),
  }),
  change(DeleteAcls, {
    action: "acl.delete",
    doc: "The ACLs that a filter finds are removed: each filter, and each ACL that was found.",
    isChange: () => true,
    items: ({ filters }) =>
      each(filters, (filter, i) => ({
        type: "acl_filter",
        name: filterText(filter),
        codeOf: ({ filterResults }) =>
          filterResults?.[i] === undefined ? null : filterResults[i].errorCode ?? 0,
      })),
    more: ({ filterResults }) =>
      eachOf(
        filterResults ?? [],
        ({ matchingAcls }) => matchingAcls ?? [],
        (
          _filter,
          {
            resourceType = 0,
            resourceName = "",
            patternType = PatternType.LITERAL,
            principal = "",
            host = "",
            operation = 0,
            permissionType = 0,
            errorCode = 0,
          },
        ) => ({
          type: "acl",
          name: aclText({
            resourceType,
            resourceName,
            patternType,
            principal,
            host,
            operation,
            permissionType,
          }),
          errorCode,
        }),
      ),
    refuse: ({ filters }, refusal) => ({
      filterResults: filters.map(() => ({ ...refusal, matchingAcls: [] })),
    }),
  }),
  change(AlterUserScramCredentials, {
    action: "user.alter",
    doc: "Users' SCRAM credentials are set or removed; what they are made of is not written.",
    isChange: () => true,
    items({ deletions, upsertions }) {
      const codeOf = indexed((answer: Encodable<typeof AlterUserScramCredentials.response>) =>
        each(answer.results ?? [], ({ user = "", errorCode }) => [user, errorCode] as const)
      );
      return [
        ...deletions.map(({ name, mechanism }) => ({
          type: "user",
          name,
          change: { mechanism: mechanismOf(mechanism), operation: "delete" },
          codeOf: codeOf(name),
        })),
        ...upsertions.map(({ name, mechanism, iterations }) => ({
          type: "user",
          name,
          change: { mechanism: mechanismOf(mechanism), operation: "set", iterations },
          codeOf: codeOf(name),
        })),
      ];
    },
    refuse({ deletions, upsertions }, refusal) {
      const users = new Set([...deletions, ...upsertions].map(({ name }) => name));
      return { results: [...users].map((user) => ({ user, ...refusal })) };
    },
  }),
  change(AlterClientQuotas, {
    action: "quota.alter",
    doc: "Quotas are set or removed; not where that is only validated.",
    isChange: ({ validateOnly }) => !validateOnly,
    items({ entries, validateOnly }) {
      if (validateOnly) return [];
      const codeOf = indexed((answer: Encodable<typeof AlterClientQuotas.response>) =>
        each(
          answer.entries ?? [],
          ({ entity = [], errorCode }) => [entityText(entity), errorCode] as const,
        )
      );
      return each(entries, ({ entity, ops }) => {
        const name = entityText(entity);
        return {
          type: "quota",
          name,
          change: {
            quotas: ops.map(({ key, value, remove }) => ({ key, value: remove ? null : value })),
          },
          codeOf: codeOf(name),
        };
      });
    },
    refuse: ({ entries }, refusal) => ({
      entries: entries.map(({ entity }) => ({ entity, ...refusal })),
    }),
  }),
  change(CreateDelegationToken, {
    action: "token.create",
    doc:
      "A delegation token is made. Of its HMAC only a digest is written, by which it is known again.",
    items: ({ ownerPrincipalType, ownerPrincipalName, renewers, maxLifetimeMs }) => [{
      type: "token",
      name: ownerPrincipalName ? `${ownerPrincipalType}:${ownerPrincipalName}` : "",
      change: {
        max_lifetime_ms: maxLifetimeMs,
        renewers: renewers.map(({ principalType, principalName }) =>
          `${principalType}:${principalName}`
        ),
      },
      codeOf: ({ errorCode = 0 }) => errorCode,
    }],
    more: ({ errorCode = 0, tokenId = "", principalType, principalName, hmac }) =>
      errorCode !== 0 ? [] : [{
        type: "token",
        name: tokenId,
        change: {
          owner: `${principalType}:${principalName}`,
          ...(hmac !== undefined && { hmac_sha256: digest(hmac) }),
        },
        errorCode,
      }],
    refuse: (_request, { errorCode }) => ({ errorCode, hmac: new Uint8Array(0) }),
  }),
  change(RenewDelegationToken, {
    action: "token.renew",
    doc: "A delegation token lives longer.",
    items: ({ hmac, renewPeriodMs }) => [{
      type: "token",
      name: digest(hmac),
      change: { hmac_sha256: digest(hmac), renew_period_ms: renewPeriodMs },
      codeOf: ({ errorCode = 0 }) => errorCode,
    }],
    refuse: (_request, { errorCode }) => ({ errorCode, expiryTimestampMs: 0 }),
  }),
  change(ExpireDelegationToken, {
    action: "token.expire",
    doc: "A delegation token ends, now or at a time.",
    items: ({ hmac, expiryTimePeriodMs }) => [{
      type: "token",
      name: digest(hmac),
      change: { hmac_sha256: digest(hmac), expiry_time_period_ms: expiryTimePeriodMs },
      codeOf: ({ errorCode = 0 }) => errorCode,
    }],
    refuse: (_request, { errorCode }) => ({ errorCode, expiryTimestampMs: 0 }),
  }),
];

function mechanismOf(number: number): string {
  return ["unknown", "SCRAM-SHA-256", "SCRAM-SHA-512"][number] ?? String(number);
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

/** "user=alice, client-id=<default>" */
function entityText(
  entity: readonly { readonly entityType?: string; readonly entityName?: string | null }[],
): string {
  return entity.map(({ entityType = "", entityName }) =>
    `${entityType}=${entityName ?? "<default>"}`
  )
    .sort().join(", ");
}

function filterText(filter: {
  readonly resourceTypeFilter: number;
  readonly resourceNameFilter: string | null;
  readonly patternTypeFilter: number;
  readonly principalFilter: string | null;
  readonly hostFilter: string | null;
  readonly operation: number;
  readonly permissionType: number;
}): string {
  const rule = `${wordOf(Permission, filter.permissionType)} ${
    wordOf(Operation, filter.operation)
  }`;
  const pattern = `${wordOf(PatternType, filter.patternTypeFilter)}:${
    filter.resourceNameFilter ?? "<any>"
  }`;
  const type = wordOf(ResourceType, filter.resourceTypeFilter);
  return `${rule} on ${type} ${pattern} for ${filter.principalFilter ?? "<any>"} from ${
    filter.hostFilter ?? "<any>"
  }`;
}
