/**
 * InPlaceFile: a file that is written at any position, for the journal. Without O_APPEND, unlike the logs' files.
 */
import { attempt, storeError } from "./system_error.ts";
import type { InPlaceBlob } from "../store.ts";

export class InPlaceFile implements InPlaceBlob {
  readonly path: string;
  readonly #full: string;
  readonly #file: Deno.FsFile;

  constructor(path: string, full: string) {
    this.path = path;
    this.#full = full;
    const options = { read: true, write: true, create: true, mode: 0o600 };
    this.#file = attempt("open", full, () => Deno.openSync(full, options));
  }

  write(position: number, bytes: Uint8Array): void {
    attempt(`write ${bytes.length} bytes at ${position} to`, this.#full, () => {
      this.#file.seekSync(position, Deno.SeekMode.Start);
      for (let done = 0; done < bytes.length;) done += this.#file.writeSync(bytes.subarray(done));
    });
  }

  async sync(): Promise<void> {
    try {
      await this.#file.syncData();
    } catch (error) {
      throw storeError("sync", this.#full, error);
    }
  }

  syncInPlace(): void {
    attempt("sync", this.#full, () => this.#file.syncDataSync());
  }

  close(): void {
    this.#file.close();
  }
}
