/** Navigation: where the page is, by the history API, so that every view has an address and Back goes back. */
import { computed, signal } from "@preact/signals";
import { addressOf, basePathOf, type Place, type Route, routeOf } from "./routes.ts";

const basePath = basePathOf(document.baseURI);
const address = signal(location.pathname + location.search);

/** Where the page is. */
export const route = computed<Route>(() => {
  const { pathname, search } = new URL(address.value, location.origin);
  return routeOf(basePath, pathname, search);
});

export type PlaceQuery = Parameters<typeof addressOf>[2];

export function hrefOf(place: Place, query?: PlaceQuery): string {
  return addressOf(basePath, place, query);
}

/** `replace`: Back does not lead to where the page is now, as when a word is typed into a filter. */
export function goTo(place: Place, query?: PlaceQuery, { replace = false } = {}): void {
  const next = hrefOf(place, query);
  if (replace) history.replaceState(null, "", next);
  else {
    history.pushState(null, "", next);
    scrollTo(0, 0);
  }
  address.value = next;
}

/** The same place with these parameters changed; what is not of it stays. */
export function withQuery(changes: PlaceQuery, options?: { replace?: boolean }): void {
  const { place, query } = route.value;
  const { id: _, ...rest } = Object.fromEntries(query);
  goTo(place, { ...rest, ...changes }, options);
}

/** From now on links within the console change the view, not the page. */
export function listen(): void {
  addEventListener("popstate", () => address.value = location.pathname + location.search);
  document.addEventListener("click", (event) => {
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey &&
      !event.altKey && !event.defaultPrevented;
    const link = event.target instanceof Element ? event.target.closest("a[data-view]") : null;
    if (!isPlain || !(link instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    address.value = location.pathname + location.search;
    scrollTo(0, 0);
  });
}
