/**
 * Handshakes: how many TLS handshakes of one address are under way at once. Each takes a hundred times the memory of a
 * connection that has said nothing, and some work; a peer that stops in the middle keeps both for as long as it has to say
 * who it is. Past the limit the next ones wait, first come, first served, and the oldest that is under way for longer than
 * handshakes take makes room: so those who stop hold up nobody who goes on, and other addresses not at all.
 */
import { networkOf } from "../security/network.ts";

export interface HandshakesOptions {
  readonly monotonicMs: () => number;
  /** Called when one begins to wait; sweep() is due soon then. */
  readonly onWait: () => void;
  /** Of one address, an IPv6 network of 64 bits being one. */
  readonly atOnce?: number;
}

const AT_ONCE = 128;
/** Nobody who goes on takes so long while others wait. */
const SLOW_MS = 1000;

interface UnderWay {
  readonly beganMs: number;
  readonly cut: () => void;
}

interface Waiting {
  readonly cut: () => void;
  readonly begin: (leave: () => void) => void;
}

/** Of one address; the oldest first, both. */
interface Busy {
  readonly underWay: Set<UnderWay>;
  readonly waiting: Set<Waiting>;
}

export class Handshakes {
  readonly #options: HandshakesOptions;
  readonly #atOnce: number;
  readonly #busy = new Map<string, Busy>();

  constructor(options: HandshakesOptions) {
    this.#options = options;
    this.#atOnce = options.atOnce ?? AT_ONCE;
  }

  /** Whether somebody waits. */
  get isPressed(): boolean {
    for (const { waiting } of this.#busy.values()) if (waiting.size > 0) return true;
    return false;
  }

  /** Resolves when one may begin, with what is to be called when it is over. `cut` ends it when others wait for its place. */
  enter(peer: string, cut: () => void): Promise<() => void> {
    const network = networkOf(peer);
    let busy = this.#busy.get(network);
    if (busy === undefined) {
      busy = { underWay: new Set(), waiting: new Set() };
      this.#busy.set(network, busy);
    }
    const { waiting } = busy;
    return new Promise((begin) => {
      waiting.add({ cut, begin });
      this.#letIn(network, busy);
      if (waiting.size > 0) this.#options.onWait();
    });
  }

  /** Cuts those that are slow while others of their address wait, as many as wait. */
  sweep(): void {
    const slowMs = this.#options.monotonicMs() - SLOW_MS;
    for (const { underWay, waiting } of this.#busy.values()) {
      let due = waiting.size;
      for (const { beganMs, cut } of [...underWay]) {
        if (due-- <= 0 || beganMs > slowMs) break;
        cut();
      }
    }
  }

  #letIn(network: string, { underWay, waiting }: Busy): void {
    for (const next of waiting) {
      if (underWay.size >= this.#atOnce) return;
      waiting.delete(next);
      const one: UnderWay = { beganMs: this.#options.monotonicMs(), cut: next.cut };
      underWay.add(one);
      next.begin(() => {
        if (!underWay.delete(one)) return;
        this.#letIn(network, { underWay, waiting });
        if (underWay.size === 0) this.#busy.delete(network);
      });
    }
  }
}
