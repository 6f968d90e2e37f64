/**
 * Dial: connects within bounds, and by a detour where what a broker advertises is wrong: so the rest of a broker can be
 * looked at though its clients could not come.
 */
import type { Socket, TlsOptions } from "../../client/connection.ts";
import type { Address } from "./address.ts";
import { within } from "./finding.ts";

/** Where to go in the place of an address ("broker:9092"). */
export type Detours = Map<string, { readonly hostname: string; readonly port: number }>;

const DIAL_MS = 2000;

export async function dial(
  to: { readonly hostname: string; readonly port: number },
  tls: TlsOptions | undefined,
): Promise<Socket> {
  return await within(connect(to, tls), DIAL_MS, `${to.hostname}:${to.port}`);
}

export function detour({ host, port }: Address): { hostname: string; port: number } {
  return { hostname: host, port };
}

async function connect(
  to: { readonly hostname: string; readonly port: number },
  tls: TlsOptions | undefined,
): Promise<Socket> {
  if (tls === undefined) {
    const socket = await Deno.connect(to);
    socket.setNoDelay(true);
    return socket;
  }
  const { caCerts = [], cert, key } = tls;
  const own = cert !== undefined && key !== undefined ? { cert, key } : {};
  const socket = await Deno.connectTls({ ...to, caCerts: [...caCerts], ...own });
  try {
    await socket.handshake();
  } catch (error) {
    socket.close(); // a handshake that failed leaves it open
    throw error;
  }
  return socket;
}
