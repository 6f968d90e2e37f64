/** What a log stands on in a test. */
import { BufferPool } from "../bytes/pool.ts";
import { type FlushPolicy, GroupCommit } from "../storage/durability/group_commit.ts";
import type { LogContext } from "../storage/log/log_context.ts";
import { DEFAULT_PRODUCER_LIMITS } from "../storage/producers/producer_state.ts";
import type { Store } from "../storage/store.ts";
import { FakeClock } from "./fake_clock.ts";

export interface ContextOptions {
  /** "os" if not given. */
  readonly policy?: FlushPolicy;
  readonly onProblem?: LogContext["onProblem"];
}

/** A store, a clock that stands, and syncs without a journal, of which one that fails is thrown. */
export function contextOf(
  store: Store,
  { policy = "os", onProblem = () => {} }: ContextOptions = {},
): LogContext {
  const onFailure = (error: unknown) => {
    throw error;
  };
  return {
    store,
    clock: new FakeClock(),
    pool: new BufferPool({ keepBytes: 1 << 20 }),
    producers: DEFAULT_PRODUCER_LIMITS,
    commit: new GroupCommit({ policy, intervalMs: 0, journal: null, onFailure }),
    onProblem,
  };
}
