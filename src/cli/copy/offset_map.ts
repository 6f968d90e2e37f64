/**
 * OffsetMap: which offset of the target follows which of the source, in one partition, as points that a copy passes: what
 * comes before the source's offset is before the target's, and the rest is behind.
 *
 * Between two points as far apart at the source as at the target there is no gap, so every offset between them is known,
 * and no point is needed there. Where there are gaps, points that are behind the copy are thinned, the older the more:
 * what lies between two of them is counted at the source when somebody asks. Points ahead of the copy all stay, since
 * the target's log may end at any of them.
 */

/** The target's records before `target` are the source's before `source`. */
export interface Point {
  readonly source: number;
  readonly target: number;
}

/** Two points that an offset lies between. */
export interface Stretch {
  readonly from: Point;
  /** null: behind the last one. */
  readonly to: Point | null;
}

export class OffsetMap {
  #points: Point[];
  /** The target's offset up to which everything is there. */
  #copied: number;

  /** `points` rise; the first is where the copy began. */
  constructor(points: readonly Point[], copied: number) {
    if (points.length === 0) throw new Error("An offset map needs the point where the copy began");
    this.#points = [...points];
    this.#copied = copied;
  }

  get points(): readonly Point[] {
    return this.#points;
  }

  get start(): Point {
    return this.#points[0];
  }

  get last(): Point {
    return this.#points[this.#points.length - 1];
  }

  get copied(): number {
    return this.#copied;
  }

  /** How many points are kept for what is ahead of the copy. */
  get pending(): number {
    return this.#points.filter(({ target }) => target > this.#copied).length;
  }

  /** A point behind all others; one that says nothing new is passed over. */
  add(point: Point): void {
    const { source, target } = this.last;
    if (point.source < source || point.target < target) {
      throw new Error(
        `Offset ${point.source} → ${point.target} comes before ${source} → ${target}`,
      );
    }
    if (point.source === source && point.target === target) return;
    const [before] = this.#points.slice(-2, -1);
    // Of several offsets with no record between them the first and the last say all.
    if (before?.target === target && point.target === target) this.#points.pop();
    this.#points.push(point);
    this.#joinAt(this.#points.length - 2);
  }

  /** Everything up to this offset of the target is there. */
  reached(target: number): void {
    this.#copied = Math.max(this.#copied, target);
    this.#thin();
  }

  /**
   * Forgets what is ahead of a point: the copy goes on there, perhaps with other batches. Null, and nothing changes,
   * where the target's offset is none that the copy passes.
   */
  backTo(target: number): Point | null {
    const at = this.#points.findLastIndex((point) => point.target <= target);
    if (at < 0) return null;
    const from = this.#points[at], to = this.#points[at + 1];
    if (from.target === target) {
      this.#points.length = at + 1;
      this.#copied = target;
      return from;
    }
    if (to === undefined || !isDense(from, to)) return null;
    const point = { source: from.source + target - from.target, target };
    this.#points.length = at + 1;
    this.#points.push(point);
    this.#copied = target;
    return point;
  }

  /** What the source's offset lies between; null before the start. */
  around(source: number): Stretch | null {
    const at = this.#points.findLastIndex((point) => point.source <= source);
    return at < 0 ? null : { from: this.#points[at], to: this.#points[at + 1] ?? null };
  }

  /** Takes a point out that lies on a line without gaps between its neighbours. */
  #joinAt(at: number): void {
    const before = this.#points[at - 1], point = this.#points[at], after = this.#points[at + 1];
    if (before && after && isDense(before, point) && isDense(point, after)) {
      this.#points.splice(at, 1);
    }
  }

  #thin(): void {
    for (;;) {
      const behind = this.#points.findLastIndex(({ target }) => target <= this.#copied);
      if (behind < MAX_BEHIND) return;
      // Of the older half every second goes, so that what is younger stays closer.
      const half = behind >> 1;
      this.#points = this.#points.filter((_, at) => at === 0 || at > half || at % 2 === 0);
    }
  }
}

/** Whether each offset of the source between them has a record at the target. */
export function isDense(from: Point, to: Point): boolean {
  return to.source - from.source === to.target - from.target;
}

/** Points as text: distances from each to the next in base 36, the second one left out where both are the same. */
export function encodePoints(points: readonly Point[]): string {
  let source = 0, target = 0;
  return points.map((point) => {
    const s = (point.source - source).toString(36), t = (point.target - target).toString(36);
    source = point.source;
    target = point.target;
    return s === t ? s : `${s}.${t}`;
  }).join(" ");
}

/** Null for what is none. */
export function decodePoints(text: string): Point[] | null {
  let source = 0, target = 0;
  const points: Point[] = [];
  for (const part of text.split(" ")) {
    const [, s, t = s] = /^([0-9a-z]{1,11})(?:\.([0-9a-z]{1,11}))?$/.exec(part) ?? [];
    if (s === undefined) return null;
    source += parseInt(s, 36);
    target += parseInt(t, 36);
    if (!Number.isSafeInteger(source) || !Number.isSafeInteger(target)) return null;
    points.push({ source, target });
  }
  return points;
}

/** Points behind the copy. */
const MAX_BEHIND = 64;
