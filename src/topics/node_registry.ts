/**
 * NodeRegistry: who the nodes are. Which of them leads a partition stands in the catalogue; nothing else may assume
 * that there is one node or that it leads.
 */
import type { Catalogue } from "./catalogue.ts";

export interface Node {
  readonly id: number;
  /** Where its first listener is. */
  readonly host: string;
  readonly port: number;
  /** Where clients of each listener are told to connect, by its name. */
  readonly endPoints: readonly {
    readonly name: string;
    readonly host: string;
    readonly port: number;
  }[];
  readonly rack: string | null;
  readonly isFenced: boolean;
}

export interface NodeRegistry {
  /** This node. */
  readonly selfId: number;
  readonly clusterId: string;
  /** The node that admin requests go to. */
  readonly controllerId: number;
  node(id: number): Node | undefined;
  /** Every registered node, by id; fenced ones serve nobody and are hidden from clients. */
  nodes(): Node[];
}

/** The nodes whose registrations the metadata log holds. The controller is this node: the log has one writer. */
export function registeredNodes(
  catalogue: Catalogue,
  { selfId, clusterId }: { readonly selfId: number; readonly clusterId: string },
): NodeRegistry {
  const node = (id: number): Node | undefined => {
    const broker = catalogue.broker(id);
    if (broker === undefined || broker.endPoints.length === 0) return undefined;
    const { endPoints } = broker, { host, port } = endPoints[0];
    return { id, host, port, endPoints, rack: broker.rack, isFenced: broker.fenced };
  };
  return {
    selfId,
    clusterId,
    controllerId: selfId,
    node,
    nodes: () => catalogue.brokers().map(({ brokerId }) => node(brokerId)!).filter(Boolean),
  };
}
