/**
 * Routes: what the address says is looked at, and the address of what is looked at. A path is below the console's base
 * path, which a proxy may put before it.
 *
 *     /  /topics  /topics/orders  /topics/orders/records  /topics/orders/configs  /groups  /group?id=…  /clients
 *     /transactions  /transaction?id=…  /warnings
 *
 * Groups and transactional ids may be anything ("..", "a/b", ""), and browsers and proxies rewrite such paths: they stand
 * in the query, where nothing is rewritten.
 */

export type TopicTab = "partitions" | "records" | "configs";

export type Place =
  | { readonly view: "overview" | "topics" | "groups" | "clients" | "transactions" | "warnings" }
  | { readonly view: "topic"; readonly topic: string; readonly tab: TopicTab }
  | { readonly view: "group" | "transaction"; readonly id: string }
  | { readonly view: "nowhere"; readonly path: string };

export interface Route {
  readonly place: Place;
  /** What else the query says: filters, pages, orders. */
  readonly query: URLSearchParams;
}

const LISTS = ["topics", "groups", "clients", "transactions", "warnings"] as const;
const TABS: readonly string[] = ["records", "configs"];

/** Of the base path in document.baseURI: "" or "/runnel", without the slash at its end. */
export function basePathOf(baseUri: string): string {
  return new URL(baseUri).pathname.replace(/\/[^/]*$/, "");
}

/** `path` and `search` as location has them. */
export function routeOf(basePath: string, path: string, search: string): Route {
  const query = new URLSearchParams(search);
  const below = path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : path;
  return { place: placeOf(below, path === basePath, query), query };
}

function placeOf(path: string, isBase: boolean, query: URLSearchParams): Place {
  const [first = "", ...rest] = path.split("/").slice(1).map(decoded);
  if (rest.at(-1) === "") rest.pop(); // a slash at the end says nothing
  const list = LISTS.find((name) => name === first);
  if (isBase || (first === "" && rest.length === 0)) return { view: "overview" };
  if (list !== undefined && rest.length === 0) return { view: list };
  if (list === "topics" && rest.length <= 2) {
    const [topic, tab] = rest;
    if (tab === undefined) return { view: "topic", topic, tab: "partitions" };
    if (TABS.includes(tab)) return { view: "topic", topic, tab: tab as TopicTab };
  }
  if ((first === "group" || first === "transaction") && rest.length === 0) {
    const id = query.get("id");
    if (id !== null) return { view: first, id };
  }
  return { view: "nowhere", path };
}

/** For `href` and history.pushState. Parameters that are "" are left out. */
export function addressOf(
  basePath: string,
  place: Place,
  query: Readonly<Record<string, string | number | null | undefined>> = {},
): string {
  const parameters = new URLSearchParams();
  if (place.view === "group" || place.view === "transaction") parameters.set("id", place.id);
  for (const [name, value] of Object.entries(query)) {
    if (value !== "" && value !== null && value !== undefined) parameters.set(name, String(value));
  }
  const search = parameters.toString();
  return `${basePath}${pathOf(place)}${search === "" ? "" : `?${search}`}`;
}

function pathOf(place: Place): string {
  switch (place.view) {
    case "overview":
      return "/";
    case "topic": {
      const path = `/topics/${encodeURIComponent(place.topic)}`;
      return place.tab === "partitions" ? path : `${path}/${place.tab}`;
    }
    case "nowhere":
      return place.path;
    default:
      return `/${place.view}`;
  }
}

/** What is wrongly encoded is taken as it stands. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
