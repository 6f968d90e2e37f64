/**
 * Console: the pages and the API that a broker shows itself by, as one function from Request to Response.
 *
 *     gate (Host, Origin, header) ──▶ route ──▶ query and body as their shapes say ──▶ rights ──▶ handler ──▶ JSON
 *
 * Who asks is a user of the broker that has logged in, or the same for all of HTTP (`console.principal`); whatever is asked
 * of the broker goes through the handlers of Kafka's requests as that user, so ACLs and audit are those of a client.
 */
import { Hono } from "hono";
import type { Requests } from "../client/asking.ts";
import type { PageAsker, PageRefusal } from "../metrics/http_pages.ts";
import { API_PATH, type Session } from "./api.ts";
import { ApiFailure, toldOf } from "./failure.ts";
import { mustBeAskedByOwnName, mustBeOurs, pathBelow, protect } from "./gate.ts";
import { openApi } from "./openapi.ts";
import type { Call, House, Route } from "./route.ts";
import { routes } from "./routes.ts";
import { mustFit, queryOf } from "./shape.ts";

export interface ConsoleOptions {
  /** "" or "/runnel". */
  readonly basePath: string;
  readonly hosts: readonly string[];
  /** What the front end is made of, packed for whoever takes that; null where there is no such file. */
  readonly asset: (path: string, acceptEncoding: string | null) => Response | null;
  /** What there is once the broker has started; null before. */
  readonly begun: () => Begun | null;
}

export interface Begun extends House {
  readonly session: (asker: PageAsker) => Session;
  /** Asks the broker as the user, from an address. */
  readonly requestsFrom: (asker: PageAsker) => Requests;
  /** Whether the user may describe the cluster. */
  readonly maySeeBroker: (asker: PageAsker) => boolean;
}

interface Bindings {
  readonly asker: PageAsker;
}

export class Console {
  readonly #options: ConsoleOptions;
  readonly #app = new Hono<{ Bindings: Bindings }>();

  constructor(options: ConsoleOptions) {
    this.#options = options;
    this.#app.use(`${API_PATH}/*`, async ({ req }, next) => {
      mustBeOurs(req.raw, options);
      await next();
    });
    for (const route of routes) {
      this.#app.on(
        route.method,
        `${API_PATH}/${route.path}`,
        (context) => this.#answer(route, context.req.raw, context.req.param(), context.env.asker),
      );
    }
    this.#app.get(`${API_PATH}/openapi.json`, ({ env: { asker } }) => {
      const version = this.#options.begun()?.session(asker).version ?? "";
      return Response.json(openApi(routes, version, options.basePath));
    });
    this.#app.all(`${API_PATH}/*`, ({ req }) => {
      const path = req.path.slice(API_PATH.length + 1);
      const other = routes.some((route) => fits(route.path, path));
      throw other
        ? new ApiFailure("method_not_allowed", `${req.method} ${path} is not there`)
        : new ApiFailure("not_found", `there is no ${path} in the API: see openapi.json`);
    });
    this.#app.get("*", ({ req }) => {
      const { asset } = this.#options, packing = req.header("accept-encoding") ?? null;
      const found = asset(req.path, packing);
      if (found !== null) return found;
      // Whoever typed an address gets the page, which says that it is no view, and leads to those there are.
      const page = req.header("accept")?.includes("text/html") ? asset("/", packing) : null;
      if (page !== null) return new Response(page.body, { status: 404, headers: page.headers });
      throw new ApiFailure("not_found", `there is no ${req.path}`);
    });
    this.#app.onError((error) => refusal(error));
    this.#app.notFound(() => refusal(new ApiFailure("not_found", "there is nothing")));
  }

  /** As Pages. */
  refusalOf(name: string): PageRefusal | null {
    try {
      mustBeAskedByOwnName(name, this.#options);
      return null;
    } catch (error) {
      const { status, body } = toldOf(error);
      return { status, body: JSON.stringify(body), contentType: "application/json" };
    }
  }

  async answer(request: Request, asker: PageAsker): Promise<Response> {
    try {
      const url = new URL(request.url), path = pathBelow(this.#options.basePath, url.pathname);
      mustBeAskedByOwnName(url.hostname, this.#options);
      if (path === null) {
        const headers = { location: `${this.#options.basePath}/${url.search}` };
        return protect(new Response(null, { status: 308, headers }));
      }
      url.pathname = path;
      const response = await this.#app.fetch(innerOf(request, url), { asker });
      return protect(new Response(response.body, response));
    } catch (error) {
      return protect(refusal(error));
    }
  }

  async #answer(
    route: Route,
    request: Request,
    params: Record<string, string>,
    asker: PageAsker,
  ): Promise<Response> {
    const query = queryOf(route.query, new URL(request.url).searchParams);
    const body = route.body === undefined ? null : await bodyOf(route, request);
    const begun = this.#options.begun();
    if (begun === null) throw new ApiFailure("starting", "the broker starts or stops");
    const session = begun.session(asker);
    if (route.isChange && !session.canWrite) {
      throw new ApiFailure("read_only", "the console only shows: needs console.write = true");
    }
    if (route.isOfBroker && !begun.maySeeBroker(asker)) {
      const message = `${session.principal} may not describe the cluster`;
      throw new ApiFailure("forbidden", message, { kafka: "CLUSTER_AUTHORIZATION_FAILED" });
    }
    const { signal } = request, requests = begun.requestsFrom(asker);
    const mayGoOn = () =>
      asker.login?.isRevoked() !== true && (!route.isOfBroker || begun.maySeeBroker(asker));
    const { peer } = asker, house = begun;
    const call: Call = { params, query, body, requests, house, session, peer, signal, mayGoOn };
    return await answerOf(await route.handle(call), call);
  }
}

/**
 * As the routes take it. HEAD is asked as GET: Hono would drop the body of its answer, and what that holds would not be
 * given back; who sends the answer gives it up in order.
 */
function innerOf(request: Request, url: URL): Request {
  if (request.method !== "HEAD") {
    return url.href === request.url ? request : new Request(url, request);
  }
  return new Request(url, { headers: request.headers, signal: request.signal });
}

/** So long a text is held until it is taken, however many ask. */
const SHORT_LENGTH = 128 * 1024;

async function answerOf(answered: unknown, call: Call): Promise<Response> {
  if (answered instanceof Response) return answered;
  const made = textOrBytesOf(answered), headers = { "content-type": "application/json" };
  if (typeof made === "string") return new Response(made, { headers });
  const length = String(made.length), body = await call.house.answers.bodyOfBytes(call, made);
  return new Response(body as BodyInit, { headers: { ...headers, "content-length": length } });
}

/** Of what is large the bytes alone: they may wait. */
function textOrBytesOf(answered: unknown): string | Uint8Array {
  const text = JSON.stringify(answered);
  return text.length <= SHORT_LENGTH ? text : new TextEncoder().encode(text);
}

async function bodyOf({ body: shape }: Route, request: Request): Promise<unknown> {
  let body: unknown;
  try {
    body = JSON.parse(await request.text());
  } catch (error) {
    throw new ApiFailure("bad_request", `the body is no JSON: ${(error as Error).message}`, {
      field: "body",
    });
  }
  mustFit(shape!, body);
  return body;
}

function refusal(error: unknown): Response {
  const told = toldOf(error);
  return Response.json(told.body, { status: told.status });
}

/** Whether a path may be one of the route's, whatever its parameters are. */
function fits(route: string, path: string): boolean {
  const ours = route.split("/"), asked = path.split("/");
  return ours.length === asked.length &&
    ours.every((part, i) => part.startsWith(":") || part === asked[i]);
}
