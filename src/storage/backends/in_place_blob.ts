/**
 * InPlaceOverBlob: writing in place on top of a Blob, which can only be cut and appended to. For stores in memory,
 * where it costs nothing that matters; what lies behind the written bytes stays.
 */
import type { Blob, InPlaceBlob } from "../store.ts";

export class InPlaceOverBlob implements InPlaceBlob {
  readonly #blob: Blob;

  constructor(blob: Blob) {
    this.#blob = blob;
  }

  get path(): string {
    return this.#blob.path;
  }

  write(position: number, bytes: Uint8Array): void {
    const behind = position + bytes.length;
    const rest = new Uint8Array(Math.max(0, this.#blob.size - behind));
    this.#blob.read(behind, rest);
    this.#blob.truncate(position);
    this.#blob.append(bytes);
    if (rest.length > 0) this.#blob.append(rest);
  }

  sync(): Promise<void> {
    return this.#blob.sync();
  }

  syncInPlace(): Promise<void> {
    return this.#blob.sync();
  }

  close(): void {
    this.#blob.close();
  }
}
