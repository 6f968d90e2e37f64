/**
 * DescribeAcls: the access rules that match a filter.
 *
 * v1 prefixed patterns · v2 flexible · v3 the user resource type.
 *
 * Tags from 10000 on are Runnel's own: by `explain` the filter is a question, whether that principal may do that from that
 * host, and the answer says what is decided and by what; resources then have the ACL that decides, if one does. Kafka skips
 * tags it does not know, and no other client is ever sent them.
 */
import { api, array, bool, int16, int32, int8, string } from "../schema.ts";

export const DescribeAcls = api({
  key: 29,
  name: "DescribeAcls",
  versions: "1-3",
  flexible: "2+",
  request: {
    resourceTypeFilter: int8,
    resourceNameFilter: string.nullable(),
    patternTypeFilter: int8.default(3),
    principalFilter: string.nullable(),
    hostFilter: string.nullable(),
    operation: int8,
    permissionType: int8,
    explain: bool.tag(10_000, "2+").ignorable(),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    resources: array({
      resourceType: int8,
      resourceName: string,
      patternType: int8.default(3),
      acls: array({
        principal: string,
        host: string,
        operation: int8,
        permissionType: int8,
      }),
    }),
    isAllowed: bool.tag(10_000, "2+").ignorable(),
    decidedBy: string.tag(10_001, "2+").ignorable(), // the kind of the rule (security/acl/authorizer.ts); "" unless asked
  },
});
