/** Looks: what is looked at again and again until it is over; a look that fails is tried again at its next time. */

/** The first look is at once; each next one `intervalMs` after the one before has ended. */
export function lookEvery(
  intervalMs: number,
  look: () => Promise<void>,
  onProblem: (error: unknown) => void,
): Disposable {
  let timer: ReturnType<typeof setTimeout> | undefined, isOver = false;
  const again = () => {
    look().catch(onProblem).finally(() => {
      if (!isOver) timer = setTimeout(again, intervalMs);
    });
  };
  again();
  return {
    [Symbol.dispose]() {
      isOver = true;
      clearTimeout(timer);
    },
  };
}

/** Lets others have their turn. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
