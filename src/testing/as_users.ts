/** AsUsers: a client is the user that its requests' client ids say, as if it had logged in: "alice" is User:alice. */
import type { ConnectionInfo } from "../handlers/handler.ts";
import { decodeRequestHeader } from "../protocol/frame.ts";
import type { Dispatch } from "../server/connection.ts";

export function asUsers(dispatch: Dispatch): Dispatch {
  return (frame, connection) => {
    const { clientId } = decodeRequestHeader(frame);
    const principal = `User:${clientId ?? "ANONYMOUS"}`;
    const known = new Proxy(connection, {
      get(target, key) {
        if (key === "principal") return principal;
        const value = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
      set: (target, key, value) => Reflect.set(target, key, value, target),
    }) as ConnectionInfo & typeof connection;
    return dispatch(frame, known);
  };
}
