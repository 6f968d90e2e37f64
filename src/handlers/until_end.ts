/**
 * Until the end: an answer that waits for what other clients do, as of JoinGroup and SyncGroup, is waited for no longer
 * than its connection is there and the broker does not stop. What was asked stays asked; nobody hears of it then, as of
 * a broker of Kafka's that stops.
 */
import { CLOSE, type ConnectionInfo } from "./handler.ts";

export function untilEnd<Body>(
  { ends, isEnding }: Pick<ConnectionInfo, "ends" | "isEnding">,
  answer: Promise<Body>,
): Promise<Body | typeof CLOSE> {
  return new Promise((resolve, reject) => {
    const end = () => resolve(CLOSE);
    ends.add(end);
    answer.then(resolve, reject).finally(() => ends.delete(end));
    if (isEnding) end();
  });
}
