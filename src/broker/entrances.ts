/**
 * Entrances: binds every listener of the configuration, with TLS where it has that.
 */
import { type ListenerConfig, listenersOf } from "../config/listeners.ts";
import type { Config } from "../config/options.ts";
import type { Entrance } from "../server/listener.ts";
import type { SessionListener } from "../server/session.ts";
import { listenTcp } from "../server/transport/tcp.ts";
import type { TransportListener } from "../server/transport/transport.ts";

export class Entrances implements AsyncDisposable {
  readonly all: readonly Entrance[];

  private constructor(all: readonly Entrance[]) {
    this.all = all;
  }

  /** Throws what Deno.listen throws (AddrInUse, PermissionDenied, AddrNotAvailable). */
  static open(config: Config): Promise<Entrances> {
    const all: Entrance[] = [];
    try {
      for (const listener of listenersOf(config)) {
        const session = sessionListenerOf(listener);
        let { port } = listener;
        for (const host of listener.addresses) {
          const transport: TransportListener = listenTcp({ host, port });
          port = transport.address.port;
          all.push({ transport, session });
        }
      }
    } catch (error) {
      for (const { transport } of all) transport.close();
      throw error;
    }
    return Promise.resolve(new Entrances(all));
  }

  /** The port that a listener has. */
  portOf(name: string): number {
    return this.all.find(({ session }) => session.name === name)!.transport.address.port;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function sessionListenerOf({ name, tls }: ListenerConfig): SessionListener {
  return {
    name,
    isTls: tls !== null,
    mechanisms: new Map(),
    principalOf: () => "User:ANONYMOUS",
  };
}
