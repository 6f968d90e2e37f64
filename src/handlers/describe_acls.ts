/**
 * DescribeAcls 1–3: the ACLs that match a filter, by resource. Without an authorizer there are none, which Kafka says with
 * 54 and this text. A filter with a value that nobody knows is 42.
 *
 * `explain`, a tag of Runnel's own, asks what is decided for a principal and by which rule (`runnel acl check`).
 *
 * Versions: 2 flexible · 3 the resource type USER.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeAcls } from "../protocol/messages/describe_acls.ts";
import {
  type Acl,
  type AclFilter,
  bit,
  matches,
  ResourceType,
  SUPPORTED_OPERATIONS,
} from "../security/acl/acl.ts";
import { filterFault } from "../security/acl/acl_faults.ts";
import type { Authorizer } from "../security/acl/authorizer.ts";
import { failure } from "../topics/outcome.ts";
import { type Handler, handler } from "./handler.ts";

/** What Kafka answers to every ACL request while no authorizer is configured. */
export const NO_AUTHORIZER = {
  errorCode: ErrorCode.SECURITY_DISABLED,
  errorMessage: "No Authorizer is configured.",
} as const;

export function describeAcls(
  { authorizer }: { readonly authorizer: Authorizer | null },
): Handler {
  return handler(DescribeAcls, { min: 1, max: 3 }, (request) => {
    if (authorizer === null) return NO_AUTHORIZER;
    const { resourceTypeFilter, resourceNameFilter, patternTypeFilter } = request;
    const filter = {
      resourceType: resourceTypeFilter,
      resourceName: resourceNameFilter,
      patternType: patternTypeFilter,
      principal: request.principalFilter,
      host: request.hostFilter,
      operation: request.operation,
      permissionType: request.permissionType,
    };
    const fault = filterFault(filter);
    if (fault !== null) return failure(ErrorCode.INVALID_REQUEST, fault);
    if (request.explain) return explained(authorizer, filter);
    const resources = new Map<string, Acl[]>();
    for (const [, acl] of authorizer.index.acls()) {
      if (!matches(filter, acl)) continue;
      const key = JSON.stringify([acl.resourceType, acl.patternType, acl.resourceName]);
      const acls = resources.get(key);
      if (acls === undefined) resources.set(key, [acl]);
      else acls.push(acl);
    }
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      resources: Array.from(resources.values(), (acls) => {
        const [{ resourceType, resourceName, patternType }] = acls;
        return { resourceType, resourceName, patternType, acls };
      }),
    };
  });
}

/** A question has to name everything; 42 when it does not. */
function explained(authorizer: Authorizer, asked: AclFilter) {
  const { resourceType, resourceName, principal, host, operation } = asked;
  const isWhole = resourceType !== ResourceType.ANY &&
    (SUPPORTED_OPERATIONS[resourceType] & bit(operation)) !== 0 &&
    resourceName !== null && principal !== null && host !== null;
  if (!isWhole) {
    return failure(
      ErrorCode.INVALID_REQUEST,
      "To be told what is decided one asks of a principal, a host, one operation and one resource",
    );
  }
  const { isAllowed, rule } = authorizer.explain(
    principal,
    host,
    operation,
    resourceType,
    resourceName,
  );
  const resources = rule.kind === "acl" ? [{ ...rule.acl, acls: [rule.acl] }] : [];
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    resources,
    isAllowed,
    decidedBy: rule.kind,
  };
}
