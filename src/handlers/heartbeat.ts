/**
 * Heartbeat 0–4: a member of the classic protocol lives; 27 tells it to join the rebalance that is being prepared, or
 * in a consumer group to join again for its next step.
 *
 * Versions: 3 static members.
 */
import type { GroupCoordinator } from "../groups/coordinator.ts";
import { heartbeat as beat } from "../groups/requests/membership.ts";
import { Heartbeat } from "../protocol/messages/heartbeat.ts";
import { type Handler, handler } from "./handler.ts";

export function heartbeat(groups: GroupCoordinator): Handler {
  return handler(Heartbeat, { min: 0, max: 4 }, (request) => beat(groups, request));
}
