/** `runnel quota set` and `unset`: changes quotas of one user, client id, address, or a default. */
import { ConfigError } from "../../config/load.ts";
import { closest } from "../../config/near_miss.ts";
import {
  entityError,
  type QuotaEntityPart,
  quotaError,
  quotaKeys,
} from "../../topics/client_quotas.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { alterQuotas, type QuotaOp } from "./cluster_quotas.ts";
import { entityJson, entityOf, entityText } from "./entity.ts";

export const setQuotas: Run = (call) => alter(call, call.words.map(settingOf));

export const unsetQuotas: Run = (call) => alter(call, call.words.map((word) => [word, null]));

function alter(call: Call, ops: readonly QuotaOp[]): Promise<number> {
  const entity = entityOf(call);
  checkOps(call, entity, ops);
  return connected(call, async ({ cluster, out }) => {
    await alterQuotas(cluster, entity, ops);
    for (const [quota, value] of ops) {
      if (out.isJson) out.json({ entity: entityJson(entity), quota, value });
      else {out.line(
          `${entityText(entity)}: ${quota} ${value === null ? "is not set" : `is ${value}`}`,
        );}
    }
    return 0;
  });
}

function settingOf(word: string): QuotaOp {
  const [, key, text] = /^([^=]+)=(.+)$/.exec(word) ?? [], value = Number(text);
  if (key === undefined || text.trim() === "" || Number.isNaN(value)) {
    throw new ConfigError(`quota: "${word}" is no KEY=VALUE, such as producer_byte_rate=1000000`);
  }
  return [key, value];
}

function checkOps(call: Call, entity: readonly QuotaEntityPart[], ops: readonly QuotaOp[]): void {
  if (entity.length === 0) {
    throw call.misused(
      "whose it is is missing: --user NAME, --client-id ID, both, or --ip ADDRESS; or the default of one",
    );
  }
  const error = entityError(entity);
  if (error !== null) throw new ConfigError(`quota: ${error}`);
  for (const [key, value] of ops) {
    const error = quotaError(entity, key, value ?? 1), keys = quotaKeys(entity);
    if (error === null) continue;
    const near = closest(key, keys);
    const known = near === null ? `there are ${keys.join(", ")}` : `did you mean ${near}?`;
    throw new ConfigError(`quota: ${error}${keys.includes(key) ? "" : `: ${known}`}`);
  }
}
