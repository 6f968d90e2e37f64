/** The table of routes: all there is of the API but its own description. */
import { clientRoutes } from "./clients.ts";
import { downloadRoutes } from "./download.ts";
import { groupChangeRoutes } from "./group_changes.ts";
import { groupRoutes } from "./groups.ts";
import { overviewRoutes } from "./overview.ts";
import { recordRoutes } from "./records.ts";
import type { Route } from "./route.ts";
import { segmentRoutes } from "./segments.ts";
import { topicChangeRoutes } from "./topic_changes.ts";
import { topicRoutes } from "./topics.ts";
import { transactionRoutes } from "./transactions.ts";
import { warningRoutes } from "./warnings.ts";

export const routes: readonly Route[] = [
  ...overviewRoutes,
  ...topicRoutes,
  ...topicChangeRoutes,
  ...segmentRoutes,
  ...recordRoutes,
  ...downloadRoutes,
  ...groupRoutes,
  ...groupChangeRoutes,
  ...transactionRoutes,
  ...clientRoutes,
  ...warningRoutes,
];
