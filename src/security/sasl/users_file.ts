/**
 * UsersFile: the users of `auth.users_file`, read again when the file has changed. A file that cannot be read then leaves
 * the users as they were, and is told of once.
 */
import { fileStamp, readSecretFile } from "../secret_file.ts";
import type { ScramCredential } from "./scram_credential.ts";
import { readUsers } from "./users_text.ts";

export interface UsersFileOptions {
  readonly monotonicMs: () => number;
  readonly onEvent: (
    event: "users_file_shared" | "users_file_refused" | "users_file_taken",
    details: Record<string, unknown>,
  ) => void;
}

/** How long what was read is believed without a look at the file. */
const LOOK_MS = 1000;

export class UsersFile {
  readonly #path: string;
  readonly #options: UsersFileOptions;
  /** By mechanism and name. */
  #users = new Map<string, ScramCredential>();
  #mostIterations = new Map<string, number>();
  #stamp = "";
  #lookedAtMs = 0;
  #problem: string | null = null;

  /** Throws an Error where the file cannot be used. */
  constructor(path: string, options: UsersFileOptions) {
    this.#path = path;
    this.#options = options;
    this.#read();
    this.#lookedAtMs = options.monotonicMs();
  }

  find(mechanism: string, name: string): ScramCredential | null {
    this.#look();
    return this.#users.get(`${mechanism} ${name}`) ?? null;
  }

  /** Another one where the users are others. */
  get version(): string {
    this.#look();
    return this.#stamp;
  }

  /** Of everybody that has one of this mechanism. */
  *credentials(mechanism: string): Generator<ScramCredential> {
    for (const [key, credential] of this.#users) {
      if (key.startsWith(`${mechanism} `)) yield credential;
    }
  }

  /** 0 where there is nobody. */
  mostIterations(mechanism: string): number {
    this.#look();
    return this.#mostIterations.get(mechanism) ?? 0;
  }

  #look(): void {
    const nowMs = this.#options.monotonicMs();
    if (nowMs - this.#lookedAtMs < LOOK_MS) return;
    this.#lookedAtMs = nowMs;
    try {
      if (fileStamp(this.#path) === this.#stamp) return;
      this.#read();
      this.#problem = null;
      this.#options.onEvent("users_file_taken", { file: this.#path, users: this.#users.size });
    } catch (error) {
      const reason = (error as Error).message;
      if (reason === this.#problem) return;
      this.#problem = reason;
      this.#options.onEvent("users_file_refused", { file: this.#path, reason });
    }
  }

  #read(): void {
    const { bytes, isGroupReadable, stamp } = readSecretFile(this.#path);
    const users = new Map<string, ScramCredential>(), most = new Map<string, number>();
    let lines;
    try {
      lines = readUsers(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch (error) {
      throw new Error(`${this.#path}: ${(error as Error).message}`);
    }
    for (const { name, mechanism, credential } of lines) {
      users.set(`${mechanism} ${name}`, credential);
      most.set(mechanism, Math.max(most.get(mechanism) ?? 0, credential.iterations));
    }
    this.#users = users;
    this.#mostIterations = most;
    this.#stamp = stamp;
    if (isGroupReadable) this.#options.onEvent("users_file_shared", { file: this.#path });
  }
}
