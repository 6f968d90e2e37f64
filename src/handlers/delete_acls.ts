/**
 * DeleteAcls 1–3: removes the ACLs that match filters, and tells which; each ACL by the first filter that finds it, as in
 * Kafka. What they allowed is refused from the next request on, on open connections too. A filter that makes no sense is
 * 42; without an authorizer all are 54.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { DeleteAcls } from "../protocol/messages/delete_acls.ts";
import { type Acl, type AclFilter, matches } from "../security/acl/acl.ts";
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
      metadata.transact(function* (catalogue) {
        const left = new Map<Uuid, Acl>();
        for (const entry of catalogue.kept("AccessControlEntryRecord")) left.set(entry.id, entry);
        const records: NewRecord[] = [], result: Result[] = [];
        const remove = (filter: AclFilter): Result => {
          const fault = filterFault(filter);
          if (fault !== null) return failure(ErrorCode.INVALID_REQUEST, fault);
          const matchingAcls = [];
          for (const [id, acl] of left) {
            if (!matches(filter, acl)) continue;
            left.delete(id);
            records.push({ kind: "RemoveAccessControlEntryRecord", version: 0, value: { id } });
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
