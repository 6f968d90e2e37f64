/** ProgressLine: how far a copy is, on one line of the terminal that is drawn again; nothing where there is no terminal. */
import { printable } from "../table.ts";

export interface Progress {
  /** Offsets of the source. */
  readonly done: number;
  readonly total: number;
  readonly records: number;
  readonly bytes: number;
}

export class ProgressLine implements Disposable {
  readonly #look: () => Progress;
  readonly #timer: ReturnType<typeof setInterval> | null;
  readonly #startMs = performance.now();

  constructor(look: () => Progress, isTerminal = Deno.stderr.isTerminal()) {
    this.#look = look;
    this.#timer = isTerminal ? setInterval(() => this.#draw(), DRAW_MS) : null;
  }

  /** A line of its own, that stays. */
  tell(text: string): void {
    this.#clear();
    console.error(`runnel: ${printable(text)}`);
  }

  [Symbol.dispose](): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#clear();
  }

  #draw(): void {
    const seconds = (performance.now() - this.#startMs) / 1000;
    const line = progressText(this.#look(), seconds, columns());
    Deno.stderr.writeSync(ENCODER.encode(`${CLEAR}${line}`));
  }

  #clear(): void {
    if (this.#timer !== null) Deno.stderr.writeSync(ENCODER.encode(CLEAR));
  }
}

/** `[######      ] 52 %  1234567 records  512.0 MB  85.1 MB/s  0:42 left`, as wide as the terminal at most. */
function progressText(
  { done, total, records, bytes }: Progress,
  seconds: number,
  width: number,
): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const left = share > 0 && share < 1 ? `  ${clock(seconds / share - seconds)} left` : "";
  const speed = megabytes(bytes / Math.max(seconds, 0.001));
  const text = ` ${Math.floor(share * 100)} %  ${records} records  ${
    megabytes(bytes)
  } MB  ${speed} MB/s${left}`;
  const room = Math.min(MAX_BAR, width - text.length - 3);
  if (room < MIN_BAR) return text.trimStart().slice(0, Math.max(0, width - 1));
  const full = Math.round(share * room);
  return `[${"#".repeat(full)}${" ".repeat(room - full)}]${text}`;
}

function clock(seconds: number): string {
  const whole = Math.min(Math.ceil(seconds), 359_999);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const minutes = h > 0 ? `${h}:${`${m}`.padStart(2, "0")}` : `${m}`;
  return `${minutes}:${`${s}`.padStart(2, "0")}`;
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

function columns(): number {
  try {
    return Deno.consoleSize().columns;
  } catch {
    return 80;
  }
}

const ENCODER = new TextEncoder();
const CLEAR = "\r\x1b[2K";
const DRAW_MS = 250;
const MAX_BAR = 40, MIN_BAR = 10;
