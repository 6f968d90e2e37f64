/** CommitLedger: offsets that a group has committed, which count up. One that was acknowledged never goes back. */

interface Committed {
  sent: number;
  acknowledged: number;
}

export class CommitLedger {
  readonly #places = new Map<string, Committed>();
  acknowledged = 0;

  /** Before it is sent; the offset to commit at this place, one more than the last. */
  send(place: string): number {
    const known = this.#places.get(place) ?? { sent: 0, acknowledged: 0 };
    this.#places.set(place, known);
    return ++known.sent;
  }

  acknowledge(place: string, offset: number): void {
    const known = this.#places.get(place)!;
    known.acknowledged = Math.max(known.acknowledged, offset);
    this.acknowledged++;
  }

  /** What is acknowledged now, before the committed offsets are asked for. */
  mark(): ReadonlyMap<string, number> {
    return new Map([...this.#places].map(([place, { acknowledged }]) => [place, acknowledged]));
  }

  /** What is wrong with the offsets that the broker has, by place. */
  complaints(committed: ReadonlyMap<string, number>, mark = this.mark()): string[] {
    const found: string[] = [];
    for (const [place, acknowledged] of mark) {
      const has = committed.get(place) ?? 0, { sent } = this.#places.get(place)!;
      if (has < acknowledged) {
        found.push(`the commit of ${place} is back at ${has}, was acknowledged at ${acknowledged}`);
      }
      if (has > sent) found.push(`the commit of ${place} is ${has}, at most ${sent} was sent`);
    }
    for (const place of committed.keys()) {
      if (!this.#places.has(place)) found.push(`${place} was never committed`);
    }
    return found;
  }
}
