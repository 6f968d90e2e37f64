/**
 * Endpoints: where a client is told to connect.
 *
 * That is what is configured, or the address that is listened on. A broker that listens on all addresses has no one of
 * its own, and 0.0.0.0 leads nowhere (Kafka does not start so): there each client is told the address by which it came,
 * which it can reach.
 */
import type { Config } from "../config/options.ts";
import { isAnyAddress } from "../config/addresses.ts";
import type { Node, NodeRegistry } from "../topics/node_registry.ts";
import type { ConnectionInfo } from "./handler.ts";

/** The host and port of a node, for who asks on this connection. */
export type EndpointFor = (
  node: Pick<Node, "id" | "host" | "port">,
  connection: Pick<ConnectionInfo, "local">,
) => { readonly host: string; readonly port: number };

export function endpointFor(
  { advertisedAddress, listenAddresses }: Pick<Config, "advertisedAddress" | "listenAddresses">,
  { selfId }: Pick<NodeRegistry, "selfId">,
): EndpointFor {
  const isAnywhere = advertisedAddress === "" && listenAddresses.some(isAnyAddress);
  return ({ id, host, port }, { local }) =>
    isAnywhere && id === selfId && local !== "" ? { host: withoutMapping(local), port } : {
      host,
      port,
    };
}

/** Where the node says that it is. */
export const asRegistered: EndpointFor = ({ host, port }) => ({ host, port });

/** A socket for both families shows an IPv4 address as one of IPv6. */
function withoutMapping(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}
