/**
 * DescribeAcls 1–3: without an authorizer there are no ACLs to describe, which Kafka says with 54 and this text.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeAcls } from "../protocol/messages/describe_acls.ts";
import { type Handler, handler } from "./handler.ts";

/** What Kafka answers to every ACL request while no authorizer is configured. */
export const NO_AUTHORIZER = {
  errorCode: ErrorCode.SECURITY_DISABLED,
  errorMessage: "No Authorizer is configured.",
} as const;

export function describeAcls(): Handler {
  return handler(DescribeAcls, { min: 1, max: 3 }, () => NO_AUTHORIZER);
}
