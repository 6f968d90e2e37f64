/** The table of routes: all there is of the API but its own description. */
import { clientRoutes } from "./clients.ts";
import { overviewRoutes } from "./overview.ts";
import { recordRoutes } from "./records.ts";
import type { Route } from "./route.ts";
import { topicRoutes } from "./topics.ts";
import { warningRoutes } from "./warnings.ts";

export const routes: readonly Route[] = [
  ...overviewRoutes,
  ...topicRoutes,
  ...recordRoutes,
  ...clientRoutes,
  ...warningRoutes,
];
