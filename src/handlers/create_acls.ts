/** CreateAcls 1–3: refused with 54 for each ACL while no authorizer is configured, as Kafka refuses it. */
import { CreateAcls } from "../protocol/messages/create_acls.ts";
import { NO_AUTHORIZER } from "./describe_acls.ts";
import { type Handler, handler } from "./handler.ts";

export function createAcls(): Handler {
  return handler(CreateAcls, { min: 1, max: 3 }, (request) => ({
    results: request.creations.map(() => NO_AUTHORIZER),
  }));
}
