/** Plan text: the changes of a plan as a diff for people, and as JSON for programs. */
import { counted } from "../counted.ts";
import type { ConfigResource } from "../../client/admin.ts";
import type { QuotaEntityPart } from "../../topics/client_quotas.ts";
import { ruleText } from "../acl/acl_text.ts";
import type { Change, Values } from "./plan.ts";

export interface DiffLine {
  readonly sign: "+" | "~" | "-";
  /** "topic orders: 6 partitions" */
  readonly text: string;
}

export const COLOURS = { "+": "green", "~": "yellow", "-": "red" } as const;

/** One at least. */
export function linesOf(change: Change): DiffLine[] {
  switch (change.kind) {
    case "user": {
      const { mechanism, before, after, isRotated } = change.credential;
      const count = after === null ? "" : `, ${after} iterations`;
      const why = isRotated ? " (password set anew)" : before === null ? "" : ` (was ${before})`;
      const sign = before === null ? "+" : "~";
      return [{ sign, text: `user ${change.name}: ${mechanism}${count}${why}` }];
    }
    case "acl":
      return [{ sign: "+", text: `acl ${ruleText(change.acl)}` }];
    case "topic": {
      const { partitions, replicas, configs } = change.topic;
      const facts = [
        partitions === null
          ? "the broker's number of partitions"
          : counted(partitions, "partition"),
        ...replicas === null ? [] : [counted(replicas, "replica")],
        ...[...configs].map(([name, value]) => `${name} = ${value}`),
      ];
      return [{ sign: "+", text: `topic ${change.name}: ${facts.join(", ")}` }];
    }
    case "partitions": {
      const { name, before, after } = change;
      return [{ sign: "~", text: `topic ${name}: ${counted(after, "partition")} (was ${before})` }];
    }
    case "configs":
      return valueLines(resourceWords(change.resource), change.values);
    case "quota":
      return valueLines(`quota of ${entityWords(change.entity)}`, change.values);
    case "remove topic":
      return [{ sign: "-", text: `topic ${change.name}, with all its records` }];
    case "remove user":
      return [{ sign: "-", text: `user ${change.name}: ${change.mechanism}` }];
    case "remove acl":
      return [{ sign: "-", text: `acl ${ruleText(change.acl)}` }];
  }
}

function valueLines(whose: string, values: Values<string | number>): DiffLine[] {
  return [...values].map(([name, { before, after }]) => {
    if (after === null) return { sign: "-", text: `${whose}: ${name} = ${before ?? "(hidden)"}` };
    const was = before === null ? "" : ` (was ${before})`;
    return { sign: before === null ? "+" : "~", text: `${whose}: ${name} = ${after}${was}` };
  });
}

function resourceWords({ type, name }: ConfigResource): string {
  return type === "broker" ? "all brokers" : `${type} ${name}`;
}

/** "user alice with client-id etl", "the default of ips" */
function entityWords(entity: readonly QuotaEntityPart[]): string {
  return entity.map(({ entityType, entityName }) =>
    entityName === null ? `the default of ${entityType}s` : `${entityType} ${entityName}`
  ).join(" with ");
}

/** "1 to add, 2 to change, 1 to remove", of lines. */
export function summaryOf(changes: readonly Change[]): string {
  const signs = changes.flatMap(linesOf).map(({ sign }) => sign);
  const of = (sign: DiffLine["sign"]) => signs.filter((one) => one === sign).length;
  return `${of("+")} to add, ${of("~")} to change, ${of("-")} to remove`;
}

/** As an object a line: its kind, what it is of, and what is before and after. */
export function jsonOf(change: Change): Record<string, unknown> {
  switch (change.kind) {
    case "user": {
      const { credential: { mechanism, before, after, isRotated } } = change;
      const iterations = { before, after };
      return { kind: change.kind, name: change.name, mechanism, iterations, rotate: isRotated };
    }
    case "topic": {
      const { partitions, replicas, configs } = change.topic, { kind, name } = change;
      return { kind, name, partitions, replicas, configs: Object.fromEntries(configs) };
    }
    case "configs": {
      const { kind, resource: { type, name }, values } = change;
      return { kind, of: type, name, values: Object.fromEntries(values) };
    }
    case "quota": {
      const { kind, entity, values } = change;
      return { kind, of: entityWords(entity), entity, values: Object.fromEntries(values) };
    }
    case "acl":
    case "remove acl":
      return { kind: change.kind, rule: ruleText(change.acl), acl: change.acl };
    default:
      return { ...change };
  }
}
