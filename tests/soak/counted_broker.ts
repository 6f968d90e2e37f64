/**
 * The broker with its timers counted: SOAK_TIMERS names a file that says every second how many are waiting. For nothing
 * but the soak, which cannot see them from outside.
 */
const waiting = new Set<unknown>();
const { setTimeout: after, clearTimeout: cancel, setInterval: every, clearInterval: end } =
  globalThis;
const file = Deno.env.get("SOAK_TIMERS")!;

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
every(() => Deno.writeTextFileSync(file, `${waiting.size}\n`), 1000);

await import("../../main.ts");
