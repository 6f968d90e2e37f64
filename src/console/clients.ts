/** Clients: who is connected, by which software. */
import type { ClientRow, Page } from "./api.ts";
import { pageOf, pageQuery } from "./page.ts";
import type { Call, Route } from "./route.ts";

const SORTABLE = ["clientId", "software", "principal", "address", "listener", "connections"];

export const clientRoutes: readonly Route[] = [{
  method: "GET",
  path: "clients",
  summary: "Who is connected; those that have the same of everything are one",
  query: pageQuery(SORTABLE),
  answers: "Page<ClientRow>",
  isOfBroker: true,
  handle: (call: Call): Page<ClientRow> =>
    pageOf(call.house.status().clients, call, {
      nameOf: (one) => [one.clientId, one.software, one.principal, one.address].join(" "),
      sort: "clientId",
    }),
}];
