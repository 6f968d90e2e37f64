/** Whether anything still holds an object: a collection, and what of those that were watched is there after it. */
import v8 from "node:v8";
import { runInNewContext } from "node:vm";

/** How many of these are held by something, the caller apart. */
export async function stillHeld(refs: readonly WeakRef<object>[]): Promise<number> {
  v8.setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5)); // a WeakRef holds its object until the turn ends
    collect();
  }
  return refs.filter((ref) => ref.deref() !== undefined).length;
}
