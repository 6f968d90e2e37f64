/** Addresses: as they are written, and whose they are. */

export interface Address {
  readonly host: string;
  readonly port: number;
}

export function addressText({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The IP address that is met there. Rejects where nobody is. */
export async function metAt({ host: hostname, port }: Address): Promise<string> {
  using socket = await Deno.connect({ hostname, port });
  return (socket.remoteAddr as Deno.NetAddr).hostname;
}

export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || /^127\./.test(host) || host === "::1";
}
