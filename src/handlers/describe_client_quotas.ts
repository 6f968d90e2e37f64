/**
 * DescribeClientQuotas 0–1: the quotas that match a filter of users, client ids and addresses.
 *
 * Each component of the filter asks for an entity that has a part of its type: with that name (0), the default (1) or
 * any (2). Strict asks for entities without further parts. An unknown type is 35, any other bad filter 42.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeClientQuotas } from "../protocol/messages/describe_client_quotas.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import { CLIENT_ID, type ClientQuota, clientQuotas, IP, USER } from "../topics/client_quotas.ts";
import { failure, type Outcome, repeated } from "../topics/outcome.ts";
import { type Handler, handler } from "./handler.ts";

interface Component {
  readonly entityType: string;
  readonly matchType: number;
  readonly match: string | null;
}

const EXACT = 0, DEFAULT = 1, SPECIFIED = 2;

export function describeClientQuotas({ catalogue }: { readonly catalogue: Catalogue }): Handler {
  return handler(DescribeClientQuotas, { min: 0, max: 1 }, ({ components, strict }) => {
    const refused = filterError(components);
    if (refused !== null) return { ...refused, entries: null };
    const entries = [...clientQuotas(catalogue).values()]
      .filter((quota) => isMatch(quota, components, strict))
      .map(({ entity, values }) => ({
        entity,
        values: [...values].map(([key, value]) => ({ key, value })),
      }));
    return { errorCode: ErrorCode.NONE, errorMessage: "", entries };
  });
}

function isMatch(
  { entity }: ClientQuota,
  components: readonly Component[],
  strict: boolean,
): boolean {
  if (strict && entity.length !== components.length) return false;
  return components.every(({ entityType, matchType, match }) => {
    const part = entity.find((one) => one.entityType === entityType);
    return part !== undefined && (matchType === SPECIFIED || part.entityName === match);
  });
}

function filterError(components: readonly Component[]): Outcome | null {
  const invalid = (why: string) => failure(ErrorCode.INVALID_REQUEST, why);
  for (const component of components) {
    const error = componentError(component);
    if (error !== null) return invalid(error);
  }
  const types = components.map(({ entityType }) => entityType);
  const [twice] = repeated(types);
  if (twice !== undefined) {
    return invalid(`Entity type ${twice} cannot appear more than once in the filter.`);
  }
  if (types.includes(IP) && (types.includes(USER) || types.includes(CLIENT_ID))) {
    return invalid(
      "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component.",
    );
  }
  const unknown = types.find((type) => ![USER, CLIENT_ID, IP].includes(type));
  return unknown === undefined
    ? null
    : failure(ErrorCode.UNSUPPORTED_VERSION, `Unsupported entity type ${unknown}`);
}

function componentError({ entityType, matchType, match }: Component): string | null {
  if (entityType === "") return "Invalid empty entity type.";
  switch (matchType) {
    case EXACT:
      return match === null
        ? "Request specified MATCH_TYPE_EXACT, but set match string to null."
        : null;
    case DEFAULT:
    case SPECIFIED: {
      const name = matchType === DEFAULT ? "DEFAULT" : "SPECIFIED";
      return match === null
        ? null
        : `Request specified MATCH_TYPE_${name}, but also specified a match string.`;
    }
    default:
      return `Unknown match type ${matchType}`;
  }
}
