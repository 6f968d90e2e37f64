/** Links to places of the console. */
import type { ComponentChildren } from "preact";
import { hrefOf, type PlaceQuery } from "../navigation.ts";
import type { Place } from "../routes.ts";
import { Name } from "./name.tsx";

export function Link(
  { to, query, current, children }: {
    to: Place;
    query?: PlaceQuery;
    /** Whether it is where the page is. */
    current?: boolean;
    children: ComponentChildren;
  },
) {
  return (
    <a href={hrefOf(to, query)} data-view aria-current={current ? "page" : undefined}>{children}</a>
  );
}

export function TopicLink({ topic }: { topic: string }) {
  return (
    <Link to={{ view: "topic", topic, tab: "partitions" }}>
      <Name text={topic} />
    </Link>
  );
}

export function GroupLink({ id }: { id: string }) {
  return (
    <Link to={{ view: "group", id }}>
      <Name text={id} />
    </Link>
  );
}
