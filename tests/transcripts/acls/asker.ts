/** Asker: one user at a broker, over a raw connection: logged in by PLAIN where the broker wants that. */
import { joined } from "../../../src/protocol/codec.ts";
import { decodeResponse, encodeRequest } from "../../../src/protocol/frame.ts";
import { readInt32 } from "../../../src/bytes/int64.ts";
import { SaslAuthenticate } from "../../../src/protocol/messages/sasl_authenticate.ts";
import { SaslHandshake } from "../../../src/protocol/messages/sasl_handshake.ts";
import type { Api } from "../../../src/protocol/schema.ts";

// deno-lint-ignore no-explicit-any -- answers of every API, compared as they are
type Any = any;

export class Asker {
  readonly #socket: Deno.TcpConn;
  readonly #user: string;
  #next = 1;

  private constructor(socket: Deno.TcpConn, user: string) {
    this.#socket = socket;
    this.#user = user;
  }

  /** The client id is the user's name, by which a broker without log-ins may know it (asUsers). */
  static async open(address: string, user: string, password?: string): Promise<Asker> {
    const [hostname, port] = address.split(":");
    const asker = new Asker(await Deno.connect({ hostname, port: Number(port) }), user);
    if (password !== undefined) {
      await asker.ask(SaslHandshake as unknown as Api, 1, { mechanism: "PLAIN" });
      const authBytes = new TextEncoder().encode(`\0${user}\0${password}`);
      const answer = await asker.ask(SaslAuthenticate as unknown as Api, 1, { authBytes });
      if (answer.errorCode !== 0) throw new Error(`${user}: ${answer.errorMessage}`);
    }
    return asker;
  }

  async ask(api: Api, version: number, body: Record<string, unknown>): Promise<Any> {
    const correlationId = this.#next++;
    const frame = joined(
      encodeRequest(api, version, { correlationId, clientId: this.#user }, body),
    );
    for (let at = 0; at < frame.length;) at += await this.#socket.write(frame.subarray(at));
    const size = readInt32(await this.#read(4), 0);
    return decodeResponse(api, version, await this.#read(size)).body as Any;
  }

  async #read(bytes: number): Promise<Uint8Array> {
    const into = new Uint8Array(bytes);
    for (let at = 0; at < bytes;) {
      const read = await this.#socket.read(into.subarray(at));
      if (read === null) throw new Error(`${this.#user}: the connection was closed`);
      at += read;
    }
    return into;
  }

  close(): void {
    this.#socket.close();
  }
}
