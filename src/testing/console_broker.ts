/** A broker in memory with its console, and its API asked over HTTP. */
import type { BrokerOptions } from "../broker/embedded/broker.ts";
import { type RunningBroker, startBroker } from "../broker.ts";
import { Cluster } from "../client/cluster.ts";
import { configOfOptions } from "../config/load.ts";
import { API_PATH, CHANGE_HEADER, CHANGE_VALUE } from "../console/api.ts";

export class ConsoleBroker implements AsyncDisposable {
  readonly broker: RunningBroker;
  readonly cluster: Cluster;
  /** Sent with every request. */
  headers: Record<string, string> = {};

  private constructor(broker: RunningBroker) {
    this.broker = broker;
    this.cluster = new Cluster({ bootstrap: broker.kafkaAddress });
  }

  static async start(options: BrokerOptions = {}): Promise<ConsoleBroker> {
    const base = { kafkaPort: 0, httpPort: 0, storage: { path: "memory://" } };
    return new ConsoleBroker(await startBroker(configOfOptions(options, base).config));
  }

  /** Of an answer of the API, its body; whatever its status is. */
  // deno-lint-ignore no-explicit-any -- tests look at what they expect
  async get(path: string): Promise<any> {
    return await (await this.fetch(path)).json();
  }

  // deno-lint-ignore no-explicit-any -- tests look at what they expect
  async post(path: string, body: unknown): Promise<any> {
    const headers = { [CHANGE_HEADER]: CHANGE_VALUE, "content-type": "application/json" };
    const response = await this.fetch(path, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    return await response.json();
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { ...this.headers, ...init.headers as Record<string, string> };
    return fetch(`http://${this.broker.httpAddress}${API_PATH}/${path}`, { ...init, headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cluster.close();
    await this.broker.stop();
  }
}
