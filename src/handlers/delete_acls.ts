/** DeleteAcls 1–3: refused with 54 for each filter while no authorizer is configured, as Kafka refuses it. */
import { DeleteAcls } from "../protocol/messages/delete_acls.ts";
import { NO_AUTHORIZER } from "./describe_acls.ts";
import { type Handler, handler } from "./handler.ts";

export function deleteAcls(): Handler {
  return handler(DeleteAcls, { min: 1, max: 3 }, (request) => ({
    filterResults: request.filters.map(() => NO_AUTHORIZER),
  }));
}
