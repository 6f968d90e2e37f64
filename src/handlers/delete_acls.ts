/**
 * DeleteAcls 1–3: removes the ACLs that match filters, and tells which; each ACL by the first filter that finds it, as in
 * Kafka. What they allowed is refused from the next request on, on open connections too. A filter that makes no sense is
 * 42; without an authorizer all are 54.
 *
 * A filter that names one ACL in full finds it at once. Others look at all, so a request may have a thousand of them; more
 * are 44. Kafka has no such limit.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { DeleteAcls } from "../protocol/messages/delete_acls.ts";
import { type Acl, type AclFilter, matches, onlyOne } from "../security/acl/acl.ts";
import type { AclIndex } from "../security/acl/acl_index.ts";
import { filterFault } from "../security/acl/acl_faults.ts";
import type { NewRecord } from "../topics/metadata_record.ts";
import { failure, type Outcome, SUCCESS } from "../topics/outcome.ts";
import type { AclServices } from "./create_acls.ts";
import { NO_AUTHORIZER } from "./describe_acls.ts";
import { type Handler, handler } from "./handler.ts";
import { orNotWritten } from "./not_written.ts";

/** What became of one filter. */
interface Result extends Outcome {
  readonly matchingAcls?: readonly (Acl & { readonly errorCode: number })[];
}

export function deleteAcls({ authorizer, metadata }: AclServices): Handler {
  return handler(DeleteAcls, { min: 1, max: 3 }, async ({ filters }) => {
    if (authorizer === null) return { filterResults: filters.map(() => NO_AUTHORIZER) };
    const asked = filters.map((filter): AclFilter => ({
      resourceType: filter.resourceTypeFilter,
      resourceName: filter.resourceNameFilter,
      patternType: filter.patternTypeFilter,
      principal: filter.principalFilter,
      host: filter.hostFilter,
      operation: filter.operation,
      permissionType: filter.permissionType,
    }));
    const filterResults = await orNotWritten<Result[]>(
      metadata.transact(function* () {
        const { index } = authorizer, gone = new Set<string>();
        const records: NewRecord[] = [], result: Result[] = [];
        let searches = 0;
        const remove = (filter: AclFilter): Result => {
          const fault = filterFault(filter);
          if (fault !== null) return failure(ErrorCode.INVALID_REQUEST, fault);
          const one = onlyOne(filter);
          if (one === null && ++searches > MAX_SEARCHES) return TOO_MANY;
          const matchingAcls = [];
          for (const [id, acl] of one === null ? index.acls() : entriesOf(index, one)) {
            if (gone.has(id) || !matches(filter, acl)) continue;
            gone.add(id);
            records.push({
              kind: "RemoveAccessControlEntryRecord",
              version: 0,
              value: { id: id as Uuid },
            });
            matchingAcls.push({ ...acl, errorCode: ErrorCode.NONE });
          }
          return { ...SUCCESS, matchingAcls };
        };
        for (const filter of asked) { // each is held against every ACL
          result.push(remove(filter));
          yield;
        }
        return { records, result };
      }),
      (outcome) => asked.map(() => outcome),
    );
    return { filterResults };
  });
}

/** Filters in one request that look at every ACL. */
const MAX_SEARCHES = 1000;
const TOO_MANY = failure(
  ErrorCode.POLICY_VIOLATION,
  `A request may have ${MAX_SEARCHES} filters that do not name one ACL in full.`,
);

function entriesOf(index: AclIndex, acl: Acl): (readonly [string, Acl])[] {
  return index.same(acl).map((id) => [id, index.acl(id)!]);
}
