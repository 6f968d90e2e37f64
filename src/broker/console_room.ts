/**
 * The console's room: what the console needs of the broker. The history is kept from the start on; everything else is
 * loaded when somebody asks for the first time.
 */
import process from "node:process";
import type { Requests } from "../client/asking.ts";
import type { Config } from "../config/options.ts";
import { LIMITS, type Session } from "../console/api.ts";
import { GroupLags } from "../console/group_lags.ts";
import { KnownTopics } from "../console/known_topics.ts";
import { lookEvery } from "../console/looks.ts";
import { Sampler } from "../console/sampler.ts";
import { Saves } from "../console/saves.ts";
import { Streams } from "../console/streams.ts";
import { Turns } from "../console/turns.ts";
import type { Begun, Console } from "../console/console.ts";
import { logger } from "../log.ts";
import type { PageAsker, PageLogin, PageRefusal, Pages } from "../metrics/http_pages.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { apiByKey } from "../protocol/messages/mod.ts";
import type { Access, Asker } from "../security/acl/access.ts";
import { CLUSTER_NAME, Operation, ResourceType } from "../security/acl/acl.ts";
import { ANONYMOUS } from "../server/session.ts";
import { VERSION } from "../version.ts";
import type { MachineRoom } from "./machine.ts";
import type { OwnAsker } from "./own_requests.ts";
import { freeBytesOf, type Status } from "./status.ts";

interface ConsoleParts {
  readonly machine: Pick<MachineRoom, "clock" | "freeBytes">;
  readonly metrics: Metrics;
  readonly status: Status;
  /** Who asks says who it is, as a user of the broker; null: nobody is asked that. */
  readonly login: PageLogin | null;
}

/** What there is when the broker has begun. */
interface BegunParts extends Pick<Session, "clusterId" | "nodeId" | "kafkaAddress" | "hasAcls"> {
  readonly requestsAs: (asker: OwnAsker) => Requests;
  readonly accessOf: (asker: Asker) => Access;
  readonly segmentsOf: Begun["segmentsOf"];
  /** Another one whenever the metadata has changed. */
  readonly metadataVersion: () => number;
}

const CLIENT_ID = "runnel-console";

export class ConsoleRoom implements Pages {
  readonly login: PageLogin | undefined;
  readonly #config: Config;
  readonly #parts: ConsoleParts;
  readonly #sampler: Sampler;
  readonly #lags: GroupLags;
  readonly #streams: Streams;
  readonly #turns = new Turns();
  readonly #answers = new Saves();
  readonly #saves = new Saves();
  #begun: Begun | null = null;
  #requests = 0;
  #loaded: Promise<Console> | null = null;

  constructor(config: Config, parts: ConsoleParts) {
    this.#config = config;
    this.#parts = parts;
    this.login = parts.login ?? undefined;
    const { machine: { clock }, metrics } = parts;
    this.#sampler = new Sampler({
      metrics,
      nowMs: () => clock.nowMs(),
      monotonicMs: () => performance.now(),
      freeBytes: () => freeBytesOf(parts.machine),
      memory: () => process.memoryUsage(),
      apiName: (key) => apiByKey(key)?.name ?? String(key),
    });
    this.#lags = new GroupLags({ groups: () => metrics.groups(), nowMs: () => clock.nowMs() });
    this.#streams = new Streams(() => clock.nowMs());
    metrics.gauge("console_streams", "Streams of the console open.", () => this.#streams.size);
    metrics.gauge(
      "console_requests_total",
      "Requests of the console: its pages and its API.",
      () => this.#requests,
    );
  }

  /** From now on the broker answers, until what is returned is disposed of: what it asks for then would be half gone. */
  begun(
    { requestsAs, accessOf, segmentsOf, metadataVersion, hasAcls, ...broker }: BegunParts,
  ): Disposable {
    const { status, metrics, machine: { clock } } = this.#parts, { console } = this.#config;
    const common = principalOf(this.#config);
    const identity = ({ peer, login }: PageAsker) => ({
      principal: login?.principal ?? common,
      peer,
    });
    const onProblem = (error: unknown) => log.warn("console_look_failed", { error });
    const sampling = this.#sampler.begin(onProblem);
    const lagging = lookEvery(GroupLags.stepMs, () => this.#lags.look(), onProblem);
    this.#begun = {
      metrics,
      nowMs: () => clock.nowMs(),
      status: () => status.facts,
      sampler: this.#sampler,
      lags: this.#lags,
      knownTopics: new KnownTopics(metadataVersion),
      streams: this.#streams,
      turns: this.#turns,
      answers: this.#answers,
      saves: this.#saves,
      segmentsOf,
      session: (asker) => ({
        principal: identity(asker).principal,
        canWrite: console.write,
        hasAcls,
        version: VERSION,
        ...broker,
        basePath: console.basePath,
        nowMs: clock.nowMs(),
        startedMs: status.startedMs,
      }),
      requestsFrom: (asker) => requestsAs({ ...identity(asker), clientId: CLIENT_ID }),
      maySeeBroker: (asker) =>
        accessOf(identity(asker)).may(Operation.DESCRIBE, ResourceType.CLUSTER, CLUSTER_NAME),
    };
    return {
      [Symbol.dispose]: () => {
        this.#begun = null;
        sampling[Symbol.dispose]();
        lagging[Symbol.dispose]();
        this.#streams.endAll("the broker stops");
      },
    };
  }

  maxBodyBytes(path: string): number {
    const isPublished = this.#config.console.write && path.endsWith("/records");
    return isPublished ? LIMITS.maxPublishBytes : LIMITS.maxBodyBytes;
  }

  async refusalOf(name: string): Promise<PageRefusal | null> {
    return (await this.#console()).refusalOf(name);
  }

  async answer(request: Request, asker: PageAsker): Promise<Response> {
    this.#requests++;
    return await (await this.#console()).answer(request, asker);
  }

  async #console(): Promise<Console> {
    return await (this.#loaded ??= this.#load());
  }

  async #load(): Promise<Console> {
    const [{ Console }, { assetsBelow }] = await Promise.all([
      import("../console/console.ts"),
      import("../console/assets.ts"),
    ]);
    const { console: { basePath, hosts }, http } = this.#config;
    return new Console({
      basePath,
      hosts: [...hosts, http.address],
      asset: assetsBelow(basePath),
      begun: () => this.#begun,
    });
  }
}

const log = logger("console");

/** Of whoever is no user of the broker: HTTP's own, or nobody that is known. */
function principalOf({ console, http }: Config): string {
  if (console.principal !== "") return console.principal;
  return http.authentication === "basic" ? `User:${http.username}` : ANONYMOUS;
}
