/**
 * Endpoints: where a client is told to connect: for the listener that it asked, as every listener has an address of its
 * own (KIP-103).
 *
 * That is what is configured, or the address that is listened on. A listener on all addresses has no one of its own, and
 * 0.0.0.0 leads nowhere (Kafka does not start so): there each client is told the address by which it came, which it can
 * reach.
 */
import { isAnyAddress } from "../config/addresses.ts";
import { listenersOf } from "../config/listeners.ts";
import type { Config } from "../config/options.ts";
import type { Node, NodeRegistry } from "../topics/node_registry.ts";
import type { ConnectionInfo } from "./handler.ts";

/** The host and port of a node, for who asks on this connection. */
export type EndpointFor = (
  node: Pick<Node, "id" | "host" | "port"> & Partial<Pick<Node, "endPoints">>,
  connection: Pick<ConnectionInfo, "local" | "listener">,
) => { readonly host: string; readonly port: number };

export function endpointFor(
  config: Config,
  { selfId }: Pick<NodeRegistry, "selfId">,
): EndpointFor {
  const anywhere = new Set(
    listenersOf(config).filter(({ advertised, addresses }) =>
      advertised === null && addresses.some(isAnyAddress)
    ).map(({ name }) => name),
  );
  return (node, { local, listener }) => {
    const registered = ofListener(node, listener);
    return node.id === selfId && local !== "" && anywhere.has(listener)
      ? { host: withoutMapping(local), port: registered.port }
      : registered;
  };
}

/** Where the node's listener of that name is; its first one where it has none. */
function ofListener(
  { host, port, endPoints }: Parameters<EndpointFor>[0],
  listener: string,
): { host: string; port: number } {
  const own = endPoints?.find(({ name }) => name === listener);
  return own === undefined ? { host, port } : { host: own.host, port: own.port };
}

/** Where the node says that its first listener is. */
export const asRegistered: EndpointFor = ({ host, port }) => ({ host, port });

/** A socket for both families shows an IPv4 address as one of IPv6. */
function withoutMapping(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}
