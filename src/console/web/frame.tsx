/** Frame: the names of the views, how it stands with the broker, and the view that the address says. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { session, streamState, warnings } from "./live/live.ts";
import { route } from "./navigation.ts";
import { Link } from "./parts/link.tsx";
import { Empty } from "./parts/notice.tsx";
import type { Place } from "./routes.ts";
import { visible } from "./text/visible.ts";
import { type Theme, theme } from "./theme.ts";
import { Clients } from "./views/clients.tsx";
import { Group } from "./views/group.tsx";
import { Groups } from "./views/groups.tsx";
import { Overview } from "./views/overview.tsx";
import { Topic } from "./views/topic.tsx";
import { Topics } from "./views/topics.tsx";
import { Transaction } from "./views/transaction.tsx";
import { Transactions } from "./views/transactions.tsx";
import { Warnings } from "./views/warnings.tsx";

const VIEWS: readonly {
  readonly view: ListView;
  readonly title: string;
  readonly of: readonly Place["view"][];
}[] = [
  { view: "overview", title: "Overview", of: ["overview"] },
  { view: "topics", title: "Topics", of: ["topics", "topic"] },
  { view: "groups", title: "Groups", of: ["groups", "group"] },
  { view: "clients", title: "Clients", of: ["clients"] },
  { view: "transactions", title: "Transactions", of: ["transactions", "transaction"] },
  { view: "warnings", title: "Warnings", of: ["warnings"] },
];

type ListView = "overview" | "topics" | "groups" | "clients" | "transactions" | "warnings";

export function Frame() {
  const { place } = route.value;
  const main = useRef<HTMLElement>(null), shown = keyOf(place), first = useRef(shown);
  useEffect(() => {
    document.title = `${titleOf(place)} \u2013 Runnel`;
    if (first.current === shown) return;
    // A view that comes is where reading goes on.
    first.current = "";
    main.current?.focus({ preventScroll: true });
  }, [shown]);
  useEffect(() => {
    document.addEventListener("keydown", toSearch);
    return () => document.removeEventListener("keydown", toSearch);
  }, []);
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to what is shown
      </a>
      <div class="frame">
        <Side place={place} />
        <main id="main" ref={main} tabIndex={-1} key={shown}>
          <View place={place} />
        </main>
      </div>
    </>
  );
}

function Side({ place }: { place: Place }) {
  const count = warnings.value?.length ?? 0;
  return (
    <header class="side">
      <Link to={{ view: "overview" }}>
        <span class="brand">
          <Waves />Runnel
        </span>
      </Link>
      <nav class="views" aria-label="Views">
        {VIEWS.map(({ view, title, of }) => (
          <Link key={view} to={{ view }} current={of.includes(place.view)}>
            {title}
            {view === "warnings" && count > 0 && (
              <span class="count">
                {count}
                <span class="hidden">of the last hour</span>
              </span>
            )}
          </Link>
        ))}
      </nav>
      <div class="foot">
        <State />
        <Who />
        <Themes />
      </div>
    </header>
  );
}

function State() {
  const state = streamState.value;
  const text = { connecting: "Connecting", live: "Live", lost: "Not connected" }[state.kind];
  return (
    <p role="status">
      <span class={`dot ${state.kind}`} aria-hidden="true" />
      {text}
      {state.kind === "lost" && `: ${visible(state.reason)}`}
    </p>
  );
}

function Who() {
  const known = session.value;
  if (known === null) return <p class="who unknown" />;
  const { version, kafkaAddress, principal, canWrite } = known;
  return (
    <p class="who">
      {visible(kafkaAddress)}
      <br />
      {version}
      {principal !== "User:ANONYMOUS" && <>, {visible(principal)}</>}
      {!canWrite && (
        <>
          <br />Read only
        </>
      )}
    </p>
  );
}

function Themes() {
  const themes: readonly (readonly [Theme, string])[] = [
    ["system", "System"],
    ["light", "Light"],
    ["dark", "Dark"],
  ];
  return (
    <label>
      <span class="hidden">Theme</span>
      <select
        value={theme.value}
        onChange={({ currentTarget }) => theme.value = currentTarget.value as Theme}
      >
        {themes.map(([value, title]) => <option key={value} value={value}>{title}</option>)}
      </select>
    </label>
  );
}

function View({ place }: { place: Place }): JSX.Element {
  switch (place.view) {
    case "overview":
      return <Overview />;
    case "topics":
      return <Topics />;
    case "topic":
      return <Topic topic={place.topic} tab={place.tab} />;
    case "groups":
      return <Groups />;
    case "group":
      return <Group id={place.id} />;
    case "clients":
      return <Clients />;
    case "transactions":
      return <Transactions />;
    case "transaction":
      return <Transaction id={place.id} />;
    case "warnings":
      return <Warnings />;
    case "nowhere":
      return (
        <>
          <h1>There is nothing here</h1>
          <Empty>
            {visible(place.path)} is no view. <Link to={{ view: "overview" }}>Overview</Link>
          </Empty>
        </>
      );
  }
}

/** `/` leads to the search of the view. */
function toSearch(event: KeyboardEvent): void {
  const at = event.target;
  const isWriting = at instanceof HTMLElement &&
    at.closest("input, textarea, select, dialog") !== null;
  if (event.key !== "/" || isWriting || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.getElementById("search");
  if (search === null) return;
  event.preventDefault();
  search.focus();
}

function keyOf(place: Place): string {
  if (place.view === "topic") return `topic ${place.topic}`;
  return "id" in place ? `${place.view} ${place.id}` : place.view;
}

function titleOf(place: Place): string {
  if (place.view === "topic") return visible(place.topic);
  if ("id" in place) return visible(place.id);
  return VIEWS.find(({ view }) => view === place.view)?.title ?? "Nothing here";
}

function Waves() {
  return (
    <svg
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2.4"
      stroke-linecap="round"
      aria-hidden="true"
    >
      <path d="M3 7c4.5-4 7 4 11 2s4-3 7-2" />
      <path d="M3 13c4.5-4 7 4 11 2s4-3 7-2" />
      <path d="M3 19c4.5-4 7 4 11 2s4-3 7-2" />
    </svg>
  );
}
