/** Addresses: how they are written, and which of them are no place to connect to. */

/** "127.0.0.1:9092", "[::1]:9092" */
export function addressOf(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether the address stands for all addresses of a machine: 0.0.0.0 and ::, however they are written. */
export function isAnyAddress(address: string): boolean {
  const plain = address.replace(/^\[|\]$/g, "");
  return /^0+(\.0+){0,3}$/.test(plain) ||
    plain.includes(":") && /^[0:]*(:0+(\.0+){3})?$/.test(plain) ||
    /^[0:]*:ffff:0+(\.0+){3}$/i.test(plain);
}

/** Why nobody can connect to what is advertised, and what is needed; null where they can. */
export function advertisedFault(advertised: string): string | null {
  if (advertised === "") return null;
  const [, host, port] = /^(\[.+\]|[^:]+)(?::(\d+))?$/.exec(advertised) ?? [];
  if (host === undefined) return "needs host or host:port, IPv6 in brackets";
  if (isAnyAddress(host)) {
    return `${host} stands for every address and is none to connect to: needs a name or an address of this ` +
      "machine as clients see it, or nothing, which tells each client the address by which it came";
  }
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    return `port ${port} is none to connect to: needs 1 to 65535, or none for the Kafka port`;
  }
  return null;
}

/** Whether only this machine can reach the address. */
export function isLoopback(address: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/.test(address);
}
