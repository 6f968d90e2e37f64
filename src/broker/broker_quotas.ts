/**
 * BrokerQuotas: the quotas of a broker, which follow those in its metadata; what is set is in force before it is answered.
 */
import type { Clock } from "../clock.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { ClientQuotas } from "../quotas/client_quotas.ts";
import { QUOTA_KINDS, type QuotaKind } from "../quotas/limits.ts";
import { CLIENT_ID, IP, USER } from "../topics/client_quotas.ts";
import type { ValueOf } from "../topics/metadata_record.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";

export class BrokerQuotas {
  readonly clients: ClientQuotas;

  constructor(metrics: Metrics, metadata: MetadataStore, clock: Clock) {
    this.clients = new ClientQuotas({ nowMs: () => clock.monotonicMs() });
    for (const record of metadata.catalogue.kept("ClientQuotaRecord")) this.#follow(record);
    metadata.watch(({ quotas }) => {
      for (const record of quotas ?? []) this.#follow(record);
    });
    metrics.quotas = () => this.clients.counts();
  }

  #follow({ entity, key, value, remove }: Readonly<ValueOf<"ClientQuotaRecord">>): void {
    const name = (type: string) => entity.find(({ entityType }) => entityType === type)?.entityName;
    if (name(IP) !== undefined || !QUOTA_KINDS.includes(key as QuotaKind)) return;
    this.clients.set({
      user: name(USER),
      clientId: name(CLIENT_ID),
      kind: key as QuotaKind,
      value: remove ? null : value,
    });
  }
}
