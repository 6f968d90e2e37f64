/**
 * poisonedFrames: overwrites a request's bytes as soon as its handler has returned, that is, at its first await.
 *
 * From then on they are the connection's again, which reads the next request into them whenever it comes. A handler that
 * still looks at them is wrong once in a while under load; with this it is wrong in every test.
 */
import type { Dispatch } from "../server/connection.ts";

export function poisonedFrames(dispatch: Dispatch): Dispatch {
  return (frame, connection) => {
    const reply = dispatch(frame, connection);
    frame.fill(POISON);
    return reply;
  };
}

const POISON = 0xdb;
