/**
 * ScriptedSocket: for tests of the client: a socket in memory, at whose other end a function plays the broker.
 */
import { joined } from "../protocol/codec.ts";
import { decodeRequestHeader, encodeResponse } from "../protocol/frame.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import type { Socket } from "../client/connection.ts";

export interface Asked {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  /** The whole request, without its size, and where its body begins. */
  readonly frame: Uint8Array;
  readonly bodyAt: number;
}
/** The bytes of an answer, its size in front; null for none. Throwing ends the connection. */
export type Answer = (asked: Asked) => Uint8Array | null;

/** A broker's answer to ApiVersions: the APIs that it serves, from version 0 on. */
export function versionsAnswer(
  { apiVersion, correlationId }: Pick<Asked, "apiVersion" | "correlationId">,
  apis: readonly (readonly number[])[],
): Uint8Array {
  const apiKeys = apis.map(([apiKey, maxVersion]) => ({ apiKey, minVersion: 0, maxVersion }));
  return joined(encodeResponse(ApiVersions, apiVersion, correlationId, { apiKeys }));
}

/** A socket whose other end is `answer`: a broker's end of a socket: requests are cut from what is written and answered by `answer`. */
export class ScriptedSocket implements Socket {
  writes = 0;
  #in: Uint8Array = new Uint8Array();
  #out: Uint8Array[] = [];
  #wake: (() => void) | null = null;
  #closed = false;

  constructor(readonly answer: Answer, readonly bytesARead = Infinity) {}

  write(bytes: Uint8Array): Promise<number> {
    this.writes++;
    this.#in = joined([this.#in, bytes]);
    for (;;) {
      const size = this.#in.length < 4 ? Infinity : new DataView(this.#in.buffer).getInt32(0);
      if (this.#in.length < size + 4) break;
      const frame = this.#in.slice(4, 4 + size);
      this.#in = this.#in.slice(4 + size);
      try {
        const answer = this.answer({ ...decodeRequestHeader(frame), frame });
        if (answer) this.#out.push(answer);
      } catch {
        this.close();
        break;
      }
    }
    this.#wake?.();
    return Promise.resolve(bytes.length);
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#out.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.#closed) return null;
    const chunk = this.#out[0].subarray(0, Math.min(into.length, this.bytesARead));
    into.set(chunk);
    if (chunk.length === this.#out[0].length) this.#out.shift();
    else this.#out[0] = this.#out[0].subarray(chunk.length);
    return chunk.length;
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }
}
