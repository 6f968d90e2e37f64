/** Records: what is in a topic, from where and by what one looks for it, or as it comes. */
import { useEffect, useState } from "preact/hooks";
import type { RecordsAnswer, RecordsQuery } from "../../api.ts";
import { apiAddress, type Query } from "../ask.ts";
import { bytes, counted, duration, exact } from "../format/numbers.ts";
import { route, withQuery } from "../navigation.ts";
import { useAnswer } from "../parts/answer.ts";
import { Field } from "../parts/dialog.tsx";
import { Empty, Failure, Note } from "../parts/notice.tsx";
import { visible } from "../text/visible.ts";
import { useFollow } from "./follow.ts";
import { RecordTable } from "./record_table.tsx";
import { type Draft, draftOf, parametersOf, queryOf } from "./records_query.ts";

export function Records({ topic }: { topic: string }) {
  const query = queryOf(route.value.query), [isFollowing, follow] = useState(false);
  return (
    <>
      <Form
        query={query}
        isFollowing={isFollowing}
        onFollow={() => follow(!isFollowing)}
      />
      {isFollowing
        ? <Following topic={topic} query={query} />
        : <Found topic={topic} query={query} />}
    </>
  );
}

function Form(
  { query, isFollowing, onFollow }: {
    query: RecordsQuery;
    isFollowing: boolean;
    onFollow: () => void;
  },
) {
  const [draft, setDraft] = useState<Draft>(() => draftOf(query)),
    [missing, setMissing] = useState("");
  useEffect(() => setDraft(draftOf(query)), [JSON.stringify(query)]);
  const set = (changes: Partial<Draft>) => setDraft((last) => ({ ...last, ...changes }));
  const text = (
    name: "text" | "key" | "value" | "header" | "regex" | "jsonpath" | "partitions",
  ) => ({
    type: "text" as const,
    value: draft[name],
    maxLength: 1000,
    spellcheck: false,
    autocomplete: "off",
    onInput: ({ currentTarget }: { currentTarget: HTMLInputElement }) =>
      set({ [name]: currentTarget.value }),
  });
  /** What is written counts from now on; false: something is missing. */
  const apply = (): boolean => {
    const parameters = parametersOf(draft, query.at ?? null),
      isWhole = typeof parameters !== "string";
    setMissing(isWhole ? "" : parameters);
    if (isWhole) withQuery(parameters);
    return isWhole;
  };
  // Open where something in it counts, and then as one likes: it does not close under one's hands.
  const [isMore, setMore] = useState(() => hasMore(draftOf(query)));
  useEffect(() => {
    if (hasMore(draftOf(query))) setMore(true);
  }, [JSON.stringify(query)]);
  return (
    <form
      class="stack"
      role="search"
      aria-label="Records"
      onSubmit={(event) => {
        event.preventDefault();
        apply();
      }}
    >
      <div class="query">
        <Field label="From">
          <select
            value={draft.from}
            disabled={isFollowing}
            onChange={({ currentTarget }) => set({ from: currentTarget.value as Draft["from"] })}
          >
            <option value="end">The newest</option>
            <option value="start">The oldest</option>
            <option value="offset">An offset</option>
            <option value="time">A time</option>
            {query.at !== undefined && draftOf(query).from === "next" && (
              <option value="next">Where this is</option>
            )}
          </select>
        </Field>
        {draft.from === "offset" && (
          <Field label="Offset">
            <input
              type="text"
              inputMode="numeric"
              value={draft.offset}
              aria-invalid={missing !== ""}
              onInput={({ currentTarget }) => set({ offset: currentTarget.value })}
            />
          </Field>
        )}
        {draft.from === "time" && (
          <Field label={`Time (${zone()})`}>
            <input
              type="datetime-local"
              step="1"
              value={draft.time}
              aria-invalid={missing !== ""}
              onInput={({ currentTarget }) => set({ time: currentTarget.value })}
            />
          </Field>
        )}
        <label class="field grow">
          <span>Key, value or header has</span>
          <input id="search" aria-keyshortcuts="/" {...text("text")} />
        </label>
        <Field label="Partitions, as 0,3; all if none">
          <input inputMode="numeric" {...text("partitions")} />
        </Field>
        <button type="submit" class="main">Look</button>
        <button type="button" aria-pressed={isFollowing} onClick={() => apply() && onFollow()}>
          Follow
        </button>
      </div>
      <details open={isMore} onToggle={({ currentTarget }) => setMore(currentTarget.open)}>
        <summary>More filters</summary>
        <div class="query">
          <Field label="Key has">
            <input {...text("key")} />
          </Field>
          <Field label="Value has">
            <input {...text("value")} />
          </Field>
          <Field label="Header, as name or name=text">
            <input {...text("header")} />
          </Field>
          <Field label="Value, as a regular expression (RE2)">
            <input {...text("regex")} />
          </Field>
          <Field label="Value, as a JSONPath: $.total">
            <input {...text("jsonpath")} />
          </Field>
          <label class="check">
            <input
              type="checkbox"
              checked={draft.isUncommitted}
              onChange={({ currentTarget }) => set({ isUncommitted: currentTarget.checked })}
            />
            Aborted and open transactions, too
          </label>
        </div>
      </details>
      {missing !== "" && <p role="alert" class="note bad">{missing}</p>}
    </form>
  );
}

function hasMore({ key, value, header, regex, jsonpath, isUncommitted }: Draft): boolean {
  return isUncommitted || [key, value, header, regex, jsonpath].some((one) => one !== "");
}

function Found({ topic, query }: { topic: string; query: RecordsQuery }) {
  const path = `topics/${encodeURIComponent(topic)}/records`, asked = query as Query;
  const { value, error, isLoading, reload } = useAnswer<RecordsAnswer>(path, asked);
  return (
    <>
      <div class="row">
        <button type="button" onClick={reload}>Look again</button>
        <a
          class="button"
          href={apiAddress(`${path}/download`, { ...asked, format: "json" })}
          download
        >
          Save as JSON
        </a>
        <a
          class="button"
          href={apiAddress(`${path}/download`, { ...asked, format: "csv" })}
          download
        >
          Save as CSV
        </a>
        <span class="small muted" role="status">
          {isLoading ? "Looking…" : value === null ? "" : saidOf(value)}
        </span>
      </div>
      <Failure error={error} retry={reload} />
      {value?.problems.map(({ partition, offset, reason }) => (
        <Note tone="warn" key={`${partition} ${offset}`}>
          Partition {partition}
          {offset === null ? "" : `, offset ${exact(offset)}`}: {visible(reason)}
        </Note>
      ))}
      {value !== null && value.records.length === 0 && !isLoading && (
        <Empty>
          {value.next === null
            ? "There is no such record."
            : "Not found yet: there is more to look through."}
        </Empty>
      )}
      {value !== null && value.records.length > 0 && (
        <RecordTable topic={topic} records={value.records} />
      )}
      {value?.next != null && (
        <div class="row">
          <button type="button" onClick={() => withQuery({ at: value.next })}>
            {value.records.length === 0 ? "Look on" : "More"}
          </button>
        </div>
      )}
    </>
  );
}

function saidOf({ records, scanned, ended }: RecordsAnswer): string {
  const looked = `${counted(records.length, "record")} of ${exact(scanned.records)} looked at (${
    bytes(scanned.bytes)
  }, ${duration(scanned.elapsedMs)})`;
  return ended === "time" || ended === "bytes" ? `${looked}; it was enough for one time` : looked;
}

function Following({ topic, query }: { topic: string; query: RecordsQuery }) {
  const { at: _, ...filters } = query;
  const { records, count, dropped, state } = useFollow(topic, filters as Query, true);
  return (
    <>
      <p class="small muted">
        {/* A screen reader is told how it stands, not of each record. */}
        <span role="status">{visible(state)}</span>
        {count > 0 && `, ${counted(count, "record")} so far`}
        {dropped > 0 && `, ${exact(dropped)} left out since they came too fast`}
      </p>
      {records.length === 0
        ? <Empty>Records are shown here as they come.</Empty>
        : <RecordTable topic={topic} records={records} />}
    </>
  );
}

function zone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
