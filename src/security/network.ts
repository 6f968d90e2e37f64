/** "2001:db8:0:7" of an address of IPv6, as whoever has a network of 64 bits has all of it; else the address. */
export function networkOf(peer: string): string {
  if (!peer.includes(":")) return peer;
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(peer); // IPv4 in a robe of IPv6
  if (mapped !== null) return mapped[1];
  const [head, tail] = peer.split("%", 1)[0].split("::");
  const before = head === "" ? [] : head.split(":"), after = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array.from({ length: zeros }, () => "0"), ...after].slice(0, 4).join(":");
}
