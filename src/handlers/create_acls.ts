/**
 * CreateAcls 1–3: makes ACLs, each by itself; in force for every request that comes when the answer leaves. One that is
 * there already is made without a word, as in Kafka; one that makes no sense is 42. Without an authorizer all are 54.
 *
 * Kafka lets there be any number; here one more than authorization.max_acls is 44.
 */
import { randomUuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { CreateAcls } from "../protocol/messages/create_acls.ts";
import { type Acl, aclKey, aclSize } from "../security/acl/acl.ts";
import { aclFault } from "../security/acl/acl_faults.ts";
import type { Authorizer } from "../security/acl/authorizer.ts";
import type { NewRecord } from "../topics/metadata_record.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { failure, type Outcome, SUCCESS } from "../topics/outcome.ts";
import { NO_AUTHORIZER } from "./describe_acls.ts";
import { type Handler, handler } from "./handler.ts";
import { orNotWritten } from "./not_written.ts";

export interface AclServices {
  readonly authorizer: Authorizer | null;
  readonly metadata: MetadataStore;
}

export function createAcls(
  { authorizer, metadata, maxAcls }: AclServices & {
    /** Of all, by aclSize(). */
    readonly maxAcls: number;
  },
): Handler {
  return handler(CreateAcls, { min: 1, max: 3 }, async ({ creations }) => {
    if (authorizer === null) return { results: creations.map(() => NO_AUTHORIZER) };
    const acls = creations.map(({ resourcePatternType, ...acl }): Acl => ({
      ...acl,
      patternType: resourcePatternType,
    }));
    const results = await orNotWritten(
      metadata.transact(function* () {
        const made = new Set<string>(), records: NewRecord[] = [], result: Outcome[] = [];
        let { size } = authorizer.index;
        const create = (acl: Acl): Outcome => {
          const fault = aclFault(acl);
          if (fault !== null) return failure(ErrorCode.INVALID_REQUEST, fault);
          const key = aclKey(acl);
          if (made.has(key) || authorizer.index.same(acl).length > 0) return SUCCESS;
          if (size + aclSize(acl) > maxAcls) {
            return failure(
              ErrorCode.POLICY_VIOLATION,
              `There may be ${maxAcls} ACLs: authorization.max_acls.`,
            );
          }
          size += aclSize(acl);
          made.add(key);
          const value = { id: randomUuid(), ...acl };
          records.push({ kind: "AccessControlEntryRecord", version: 0, value });
          return SUCCESS;
        };
        for (const acl of acls) {
          result.push(create(acl));
          yield;
        }
        return { records, result };
      }),
      (outcome) => acls.map(() => outcome),
    );
    return { results };
  });
}
