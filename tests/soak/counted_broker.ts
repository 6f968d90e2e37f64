/**
 * The broker with its timers counted, and its heap collected: SOAK_COUNTS names a file that says every few seconds how many
 * timers are waiting, and how many bytes are reachable. For nothing but the soak, which cannot see that from outside.
 */
const waiting = new Set<unknown>();
const { setTimeout: after, clearTimeout: cancel, setInterval: every, clearInterval: end } =
  globalThis;
const file = Deno.env.get("SOAK_COUNTS")!;
const { gc } = globalThis as unknown as { gc: () => void };

type Work = (...given: unknown[]) => void;

Object.assign(globalThis, {
  setTimeout(work: Work, ms?: number, ...given: unknown[]): unknown {
    const id: unknown = after(() => {
      waiting.delete(id);
      work(...given);
    }, ms);
    waiting.add(id);
    return id;
  },
  clearTimeout(id?: number): void {
    waiting.delete(id);
    cancel(id);
  },
  setInterval(work: Work, ms?: number, ...given: unknown[]): unknown {
    const id: unknown = every(() => work(...given), ms);
    waiting.add(id);
    return id;
  },
  clearInterval(id?: number): void {
    waiting.delete(id);
    end(id);
  },
});
every(() => {
  gc();
  const { heapUsed, external } = Deno.memoryUsage();
  Deno.writeTextFileSync(file, `${waiting.size} ${heapUsed + external}\n`);
}, 3000);

await import("../../main.ts");
