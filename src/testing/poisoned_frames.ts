/**
 * poisonedFrames: overwrites a request's bytes as soon as its handler has returned, that is, at its first await; or, if it
 * holds them, as soon as it lets go.
 *
 * From then on they are the connection's again, which reads the next request into them whenever it comes. A handler that
 * still looks at them is wrong once in a while under load; with this it is wrong in every test.
 */
import type { Dispatch } from "../server/connection.ts";

export function poisonedFrames(dispatch: Dispatch): Dispatch {
  return (frame, connection) => {
    const reply = dispatch(frame, connection);
    const poison = () => void frame.fill(POISON);
    if (connection.held) connection.held.then(poison);
    else poison();
    return reply;
  };
}

const POISON = 0xdb;
