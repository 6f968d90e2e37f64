/** Denials: which rights an answer says were missing, in the words of `runnel acl`: "write topic:orders". */
import { denialsIn } from "../audit/answer_errors.ts";
import { ErrorCode, errorName } from "../protocol/errors.ts";
import type { Access } from "../security/acl/access.ts";
import { Operation, ResourceType } from "../security/acl/acl.ts";

/** What was not allowed. */
export interface Denial {
  /** "TOPIC_AUTHORIZATION_FAILED" */
  readonly reason: string;
  /** "write topic:orders" */
  readonly what: string | null;
}

/** Looked for where something was refused on the way alone: not all that is refused is a denial (what a listing hides). */
export function denialsOf({ refused }: Access, answer: unknown): Denial[] {
  if (refused === null) return [];
  const codes = typeof answer === "object" ? denialsIn(answer) : null;
  return [...refused.values()].flatMap(({ operation, resourceType, name }) => {
    const code = DENIAL_OF.get(resourceType);
    // Who asks for no answer (acks = 0) is told by the end of the connection.
    if (code === undefined || codes !== null && !codes.has(code)) return [];
    const type = wordOf(ResourceType, resourceType), operationWord = wordOf(Operation, operation);
    const resource = resourceType === ResourceType.CLUSTER ? type : `${type}:${name}`;
    return [{ reason: errorName(code), what: `${operationWord} ${resource}` }];
  });
}

const DENIAL_OF: ReadonlyMap<number, number> = new Map([
  [ResourceType.TOPIC, ErrorCode.TOPIC_AUTHORIZATION_FAILED],
  [ResourceType.GROUP, ErrorCode.GROUP_AUTHORIZATION_FAILED],
  [ResourceType.CLUSTER, ErrorCode.CLUSTER_AUTHORIZATION_FAILED],
  [ResourceType.TRANSACTIONAL_ID, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
  [ResourceType.DELEGATION_TOKEN, ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED],
]);

function wordOf(codes: Readonly<Record<string, number>>, code: number): string {
  const found = Object.entries(codes).find(([, value]) => value === code);
  return found === undefined ? String(code) : found[0].toLowerCase().replaceAll("_", "-");
}
