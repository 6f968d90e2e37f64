/** Configs: what a topic is set to, where each comes from, and how to set it otherwise. */
import { useState } from "preact/hooks";
import type { ChangeConfigsBody, Changed, ConfigRow } from "../../api.ts";
import { change } from "../ask.ts";
import { configInWords } from "../format/config_in_words.ts";
import { session } from "../live/live.ts";
import { useAnswer } from "../parts/answer.ts";
import { Dialog, Field } from "../parts/dialog.tsx";
import { Name } from "../parts/name.tsx";
import { Empty, Failure, Tag } from "../parts/notice.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { visible } from "../text/visible.ts";

export function Configs({ topic }: { topic: string }) {
  const path = `topics/${encodeURIComponent(topic)}/configs`;
  const { value, error, reload } = useAnswer<readonly ConfigRow[]>(path);
  const [q, setQ] = useState(""), [edited, edit] = useState<ConfigRow | null>(null);
  const shown = (value ?? []).filter(({ name }) =>
    name.toLowerCase().includes(q.trim().toLowerCase())
  );
  return (
    <>
      <input
        type="search"
        id="search"
        aria-label="Search configs"
        aria-keyshortcuts="/"
        placeholder="Search configs  ( / )"
        value={q}
        onInput={({ currentTarget }) => setQ(currentTarget.value)}
      />
      <Failure error={error} retry={reload} />
      {value !== null && shown.length === 0 && <Empty>No config has that in its name.</Empty>}
      {shown.length > 0 && (
        <Table
          label="Configs"
          columns={columnsFor(edit)}
          rows={shown}
          keyOf={({ name }) => name}
        />
      )}
      {edited !== null && (
        <Edit
          path={path}
          config={edited}
          onClose={() => {
            edit(null);
            reload();
          }}
        />
      )}
    </>
  );
}

function columnsFor(edit: (config: ConfigRow) => void): readonly Column<ConfigRow>[] {
  const canWrite = session.value?.canWrite === true;
  return [
    {
      name: "name",
      title: "Config",
      cell: ({ name, value, isSensitive, source, documentation }) => (
        <>
          <span class="mono">{name}</span>
          {/* A phone has no room for it beside the name. */}
          <div class="narrow">
            <Set name={name} value={value} isSensitive={isSensitive} />
            {source !== "default" && <Tag>{ORIGINS[source]}</Tag>}
          </div>
          {documentation !== null && <div class="small muted wide">{visible(documentation)}</div>}
        </>
      ),
    },
    {
      name: "value",
      title: "Value",
      isWide: true,
      cell: (config) => <Set {...config} />,
    },
    {
      name: "source",
      title: "From",
      isWide: true,
      cell: ({ source, fallbacks }) => (
        <>
          {source === "default"
            ? <span class="small muted">{ORIGINS.default}</span>
            : <Tag tone={source === "topic" ? "good" : ""}>{ORIGINS[source]}</Tag>}
          {fallbacks.slice(0, 1).map(({ value, source }) => (
            <div class="small muted" key={source}>
              else {value === null ? "not shown" : visible(value)}, {ORIGINS[source]}
            </div>
          ))}
        </>
      ),
    },
    ...canWrite
      ? [{
        name: "edit",
        title: "Set",
        cell: (config: ConfigRow) =>
          config.isReadOnly ? null : (
            <button type="button" onClick={() => edit(config)}>
              Edit<span class="hidden">{config.name}</span>
            </button>
          ),
      }]
      : [],
  ];
}

function Set(
  { name, value, isSensitive }: Pick<ConfigRow, "name" | "value" | "isSensitive">,
) {
  if (isSensitive) return <span class="muted">not shown</span>;
  return (
    <>
      <span class="mono">
        <Name text={value} />
      </span>
      <div class="small muted">{value === null ? null : configInWords(name, value)}</div>
    </>
  );
}

const ORIGINS: { readonly [source in ConfigRow["source"]]: string } = {
  topic: "this topic",
  broker: "this broker",
  cluster: "all brokers",
  file: "its configuration",
  default: "the default",
  "client-metrics": "client metrics",
  group: "the group",
  unknown: "unknown",
};

function Edit({ path, config, onClose }: { path: string; config: ConfigRow; onClose: () => void }) {
  const [text, setText] = useState(config.value ?? ""), [isBack, setBack] = useState(false);
  const [checked, setChecked] = useState<string | null>(null);
  const value = isBack ? null : text;
  const body = (validateOnly: boolean): ChangeConfigsBody => ({
    configs: { [config.name]: value },
    validateOnly,
  });
  // What was checked is done at the second time, as long as nothing was written in between.
  const act = async () => {
    if (checked !== String(value)) {
      await change<Changed>(path, body(true));
      setChecked(String(value));
      return false;
    }
    await change<Changed>(path, body(false));
  };
  const isChecked = checked === String(value);
  return (
    <Dialog
      title={<span class="mono">{config.name}</span>}
      verb={isChecked ? "Set" : "Check"}
      act={act}
      onClose={onClose}
    >
      {config.documentation !== null && <p class="muted">{visible(config.documentation)}</p>}
      <Field label={`Value (${config.type})`}>
        <input
          type="text"
          value={text}
          disabled={isBack}
          spellcheck={false}
          autocomplete="off"
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </Field>
      {config.source === "topic" && (
        <label class="check">
          <input
            type="checkbox"
            checked={isBack}
            onChange={({ currentTarget }) => setBack(currentTarget.checked)}
          />
          <span>
            Take back
            {config.fallbacks.length > 0 &&
              `: then it is ${visible(config.fallbacks[0].value ?? "not shown")}`}
          </span>
        </label>
      )}
      <p role="status" class="small muted">
        {isChecked ? "The broker would take it. Nothing is set yet." : "\u00a0"}
      </p>
    </Dialog>
  );
}
