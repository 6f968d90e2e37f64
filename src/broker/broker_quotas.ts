/**
 * BrokerQuotas: the quotas of a broker, which follow those in its metadata; what is set is in force before it is answered.
 */
import type { Clock } from "../clock.ts";
import { listenersOf } from "../config/listeners.ts";
import type { Config } from "../config/options.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { ClientQuotas } from "../quotas/client_quotas.ts";
import { ConnectionQuotas } from "../quotas/connection_quotas.ts";
import { QUOTA_KINDS, type QuotaKind } from "../quotas/limits.ts";
import { CLIENT_ID, IP, USER } from "../topics/client_quotas.ts";
import type { ValueOf } from "../topics/metadata_record.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";

export class BrokerQuotas {
  readonly clients: ClientQuotas;
  readonly connections: ConnectionQuotas;

  constructor(config: Config, clock: Clock) {
    const { quotas } = config, nowMs = () => clock.monotonicMs();
    const windows = { samples: quotas.windowNum, windowMs: 1000 * quotas.windowSizeSeconds };
    this.clients = new ClientQuotas({
      nowMs,
      windows,
      changeWindows: {
        samples: quotas.controllerWindowNum,
        windowMs: 1000 * quotas.controllerWindowSizeSeconds,
      },
    });
    this.connections = new ConnectionQuotas({
      nowMs,
      windows,
      rate: quotas.maxConnectionCreationRate,
      mostOfAddress: quotas.maxConnectionsPerIp,
      overrides: new Map(quotas.maxConnectionsPerIpOverrides.map(addressAndCount)),
      listeners: new Map(
        listenersOf(config).map(({ name, maxConnections, maxConnectionCreationRate }) => [name, {
          most: maxConnections ?? Infinity,
          rate: maxConnectionCreationRate ?? Infinity,
        }]),
      ),
    });
  }

  follow(metadata: MetadataStore, metrics: Metrics): void {
    for (const record of metadata.catalogue.kept("ClientQuotaRecord")) this.#set(record);
    metadata.watch(({ quotas }) => {
      for (const record of quotas ?? []) this.#set(record);
    });
    metrics.quotas = () => this.clients.counts();
  }

  #set({ entity, key, value, remove }: Readonly<ValueOf<"ClientQuotaRecord">>): void {
    const named = (type: string) =>
      entity.find(({ entityType }) => entityType === type)?.entityName;
    const limit = remove ? null : value, address = named(IP);
    if (address !== undefined) {
      if (key === "connection_creation_rate") this.connections.setRate(address, limit);
    } else if (QUOTA_KINDS.includes(key as QuotaKind)) {
      const [user, clientId] = [named(USER), named(CLIENT_ID)];
      this.clients.set({ user, clientId, kind: key as QuotaKind, value: limit });
    }
  }
}

/** "10.0.0.7:100" */
function addressAndCount(text: string): [string, number] {
  const colon = text.lastIndexOf(":");
  return [text.slice(0, colon), Number(text.slice(colon + 1))];
}
