/** What is wrong with an ACL that is to be made, or with a filter, in words; codes are 42 (INVALID_REQUEST). */
import {
  type Acl,
  type AclFilter,
  CLUSTER_NAME,
  Operation,
  PatternType,
  Permission,
  ResourceType,
} from "./acl.ts";

/** Longer names than any resource has; the record of an ACL has to fit into a batch. */
const MAX_TEXT = 32_767;

/** As AclApis and AclControlManager refuse it; null where it is fine. */
export function aclFault(acl: Acl): string | null {
  const { resourceType, resourceName, patternType, principal, host } = acl;
  if (!isWithin(resourceType, ResourceType.TOPIC, ResourceType.USER)) {
    return `Invalid resourceType ${resourceType}`;
  }
  if (resourceType === ResourceType.CLUSTER && resourceName !== CLUSTER_NAME) {
    return `The only valid name for the CLUSTER resource is ${CLUSTER_NAME}`;
  }
  if (resourceName === "") return "Invalid empty resource name";
  if (!isWithin(patternType, PatternType.LITERAL, PatternType.PREFIXED)) {
    return `Invalid patternType ${patternType}`;
  }
  if (!isWithin(acl.operation, Operation.ALL, Operation.TWO_PHASE_COMMIT)) {
    return `Invalid operation ${acl.operation}`;
  }
  if (!isWithin(acl.permissionType, Permission.DENY, Permission.ALLOW)) {
    return `Invalid permissionType ${acl.permissionType}`;
  }
  if (!/^[^:]+:/.test(principal)) {
    return `Could not parse principal from \`${principal}\`: needs Type:name, such as User:alice`;
  }
  const tooLong = [resourceName, principal, host].find(({ length }) => length > MAX_TEXT);
  return tooLong === undefined ? null : `A text of an ACL is longer than ${MAX_TEXT} characters`;
}

/** Of a filter: values that nobody knows. */
export function filterFault(filter: AclFilter): string | null {
  const isKnown = isWithin(filter.resourceType, ResourceType.ANY, ResourceType.USER) &&
    isWithin(filter.patternType, PatternType.ANY, PatternType.PREFIXED) &&
    isWithin(filter.operation, Operation.ANY, Operation.TWO_PHASE_COMMIT) &&
    isWithin(filter.permissionType, Permission.ANY, Permission.ALLOW);
  return isKnown
    ? null
    : "The filter has a type, pattern, operation or permission that is not known";
}

function isWithin(value: number, min: number, max: number): boolean {
  return value >= min && value <= max;
}
