/** What the operating system has against something, as a StoreError. */
import { StoreError } from "../store.ts";

/** Runs `action`; what the operating system has against it becomes a StoreError. */
export function attempt<T>(what: string, full: string, action: () => T): T {
  try {
    return action();
  } catch (e) {
    throw storeError(what, full, e);
  }
}

/** What the operating system said, as a StoreError. */
export function storeError(what: string, full: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(`Cannot ${what} ${full}: ${reason}`, kindOf(cause, reason), { cause });
}

function kindOf(cause: unknown, reason: string): StoreError["kind"] {
  if (cause instanceof Deno.errors.NotFound) return "absent";
  if (cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable) {
    return "permission";
  }
  // ENOSPC, EDQUOT (122, of macOS 69, which is none of a file on Linux) and EFBIG have no class of their own in Deno.
  return /\(os error (28|122|69|27)\)/.test(reason) ? "noSpace" : "io";
}
