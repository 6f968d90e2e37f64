/**
 * Answer: what the API says to a question, for as long as a view asks it. While the next is awaited the last one stays, so
 * that nothing jumps; a question that is asked no more is called off; a tab that is not seen asks nothing.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { apiAddress, ask, type Query } from "../ask.ts";
import { isSeen } from "../live/live.ts";

export interface Answer<T> {
  /** null until there is one. */
  readonly value: T | null;
  readonly error: Error | null;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

/** `path` null: nothing is asked. Asked again every `everyMs`, if given. */
export function useAnswer<T>(path: string | null, query: Query = {}, everyMs?: number): Answer<T> {
  const address = path === null ? null : apiAddress(path, query);
  const [state, setState] = useState<State<T>>({
    address: null,
    value: null,
    error: null,
    isLoading: true,
  });
  const [round, setRound] = useState(0);
  // Only another question of the same kind may show the last answer in the meantime.
  const lastPath = useRef(path);
  useEffect(() => {
    if (address === null) return;
    const called = new AbortController();
    const isSame = lastPath.current === path;
    lastPath.current = path;
    setState((last) => ({ ...last, value: isSame ? last.value : null, isLoading: true }));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const once = async () => {
      try {
        const value = await ask<T>(path!, query, called.signal);
        setState({ address, value, error: null, isLoading: false });
      } catch (error) {
        if (called.signal.aborted) return;
        setState((last) => ({ ...last, address, error: error as Error, isLoading: false }));
      }
      if (everyMs !== undefined && !called.signal.aborted) timer = setTimeout(again, everyMs);
    };
    const again = () => {
      if (isSeen.value) once();
      else timer = setTimeout(again, everyMs);
    };
    once();
    return () => {
      called.abort();
      clearTimeout(timer);
    };
  }, [address, round, everyMs]);
  return { ...state, reload: () => setRound((last) => last + 1) };
}

interface State<T> {
  readonly address: string | null;
  readonly value: T | null;
  readonly error: Error | null;
  readonly isLoading: boolean;
}
