/** Clients: who is connected, by which software, what it asked for, and how long quotas held it up. */
import type { QuotaGauges } from "../metrics/quota_definitions.ts";
import type { ClientRow, Page } from "./api.ts";
import { pageOf, pageQuery } from "./page.ts";
import type { Call, Route, StatusFacts } from "./route.ts";

const SORTABLE = [
  "clientId",
  "software",
  "principal",
  "address",
  "listener",
  "connections",
  "requests",
  "throttledMs",
];

export const clientRoutes: readonly Route[] = [{
  method: "GET",
  path: "clients",
  summary: "Who is connected; those that have the same of everything are one",
  query: pageQuery(SORTABLE),
  answers: "Page<ClientRow>",
  isOfBroker: true,
  handle: listClients,
}];

function listClients(call: Call): Page<ClientRow> {
  const { metrics, status } = call.house, quotas = metrics.quotas();
  const rows = status().clients.map((one) => ({ ...one, throttledMs: throttledBy(quotas, one) }));
  return pageOf(rows, call, {
    nameOf: (one) => [one.clientId, one.software, one.principal, one.address].join(" "),
    sort: "clientId",
  });
}

function throttledBy(
  quotas: readonly QuotaGauges[],
  { principal, clientId }: StatusFacts["clients"][number],
): number | null {
  const user = principal.replace(/^[^:]*:/, "");
  const its = quotas.filter(({ of }) =>
    (of.user === null || of.user === user) && (of.clientId === null || of.clientId === clientId)
  );
  return its.length === 0 ? null : its.reduce((sum, { throttledMs }) => sum + throttledMs, 0);
}
