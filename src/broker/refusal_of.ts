/** refusalOf: an event of the log that a client caused, as one of the refusals that /status tells of. */
import type { Refusal } from "../metrics/refusals.ts";

export function refusalOf(kind: string, details: Readonly<Record<string, unknown>>): Refusal {
  const { api, apiVersion } = details;
  return {
    kind,
    reason: textOf(details.reason ?? details.need ?? details.error ?? served(details)),
    what: api === undefined ? textOf(details.listener) : `${api} v${apiVersion}`,
    address: textOf(details.peer),
    clientId: textOf(details.clientId),
    software: textOf(details.client),
  };
}

function served({ served }: Readonly<Record<string, unknown>>): string | null {
  return served === undefined ? null : `served is ${served}`;
}

function textOf(value: unknown): string | null {
  return value === undefined || value === null ? null : String(value);
}
