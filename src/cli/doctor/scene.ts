/** Scene: what the checks look at: the cluster as it was found, what its broker says over HTTP, and this machine's configuration. */
import type { Cluster } from "../../client/cluster.ts";
import type { Config } from "../../config/options.ts";
import type { ClientSecurity } from "../client_config.ts";
import type { HttpAnswer } from "./broker_http.ts";
import { runnelLine } from "../shell_words.ts";
import { Unseen } from "./finding.ts";
import { type TwoSizes, twoSizes } from "./sizes.ts";
import type { Survey } from "./survey.ts";

export interface SceneParts {
  readonly config: Config;
  /** Where the configuration's warnings are from. */
  readonly warnings: readonly string[];
  readonly bootstrap: string;
  readonly security: ClientSecurity;
  /** Null where nobody answers. */
  readonly reached: { readonly cluster: Cluster; readonly survey: Survey } | null;
  /** What the broker says over HTTP, or why it is not known. */
  readonly http: HttpAnswer | string;
  /** The systemd unit to look at, a name or a path. */
  readonly unit: string;
  /** How far apart the two looks are. */
  readonly waitMs: number;
  /** Flags by which the commands that are advised reach the same broker. */
  readonly connection: readonly string[];
}

export class Scene {
  readonly parts: SceneParts;
  #sizes: Promise<TwoSizes> | null = null;

  constructor(parts: SceneParts) {
    this.parts = parts;
  }

  /** Resolves when it is time to look again, for who has just looked. */
  later(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.parts.waitMs));
  }

  /** Throws Unseen where nobody answers, as the following do. */
  get cluster(): Cluster {
    return this.#reached.cluster;
  }

  get survey(): Survey {
    return this.#reached.survey;
  }

  get http(): HttpAnswer {
    const { http } = this.parts;
    if (typeof http === "string") throw new Unseen(http);
    return http;
  }

  /** What partitions and disks hold, at two moments; looked at once for all who ask. */
  get sizes(): Promise<TwoSizes> {
    return this.#sizes ??= twoSizes(this);
  }

  /** `runnel group describe orders --bootstrap …`, to be pasted. */
  runnel(words: readonly string[], names: readonly string[] = []): string {
    return runnelLine(words, names, this.parts.connection);
  }

  get #reached() {
    const { reached, bootstrap } = this.parts;
    if (reached === null) throw new Unseen(`nobody answers at ${bootstrap}`);
    return reached;
  }
}
