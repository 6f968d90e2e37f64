/** several: the same work on many things, some at a time; the answers in their order. */

/** Where one fails nothing more is begun; rejects once what is on its way has ended. */
export async function several<T, R>(
  things: readonly T[],
  atATime: number,
  work: (thing: T, worker: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0, isOver = false;
  const workers = Array.from({ length: Math.min(atATime, things.length) }, async (_, worker) => {
    while (next < things.length && !isOver) {
      const at = next++;
      try {
        results[at] = await work(things[at], worker);
      } catch (error) {
        isOver = true;
        throw error;
      }
    }
  });
  const ended = await Promise.allSettled(workers);
  for (const one of ended) if (one.status === "rejected") throw one.reason;
  return results;
}
