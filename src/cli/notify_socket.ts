/**
 * NotifySocket: messages to systemd's socket, from a socket of our own: Deno sends datagrams from one that has a path. The
 * path is taken away again as soon as the socket is there; who sends needs none.
 */
import type { Datagrams } from "./systemd.ts";

/** The part of Deno that is there where its `net` is on (deno.json has it in "unstable"). */
export interface UnstableNet {
  listenDatagram?(address: UnixAddress): {
    send(bytes: Uint8Array, to: UnixAddress): Promise<number>;
    receive(): Promise<[Uint8Array, unknown]>;
    close(): void;
  };
}

interface UnixAddress {
  readonly transport: "unixpacket";
  readonly path: string;
}

/** Throws where the runtime has no datagrams, the socket is abstract, or `folder` cannot be written to. */
export function notifySocket(path: string, folder: string): Datagrams {
  if (!path.startsWith("/")) {
    throw new Error(`its socket ${path} has no path, and others cannot be reached by Deno`);
  }
  const { listenDatagram } = Deno as unknown as UnstableNet;
  if (listenDatagram === undefined) throw new Error("Deno runs without --unstable-net");
  const own = `${folder}/runnel-notify-${crypto.randomUUID()}`;
  const socket = listenDatagram({ transport: "unixpacket", path: own });
  Deno.removeSync(own);
  const encoder = new TextEncoder();
  return {
    send: (text) => socket.send(encoder.encode(text), { transport: "unixpacket", path }),
    close: () => socket.close(),
  };
}
