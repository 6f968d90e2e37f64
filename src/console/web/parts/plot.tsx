/**
 * Plot: lines over time by uPlot. Its place has its height before there is a line, its colours are the palette's, and
 * what it shows is said in words, too, for who does not see it.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { writtenTime } from "../format/times.ts";
import { repaint, theme } from "../theme.ts";

/** Between the values that an axis names: 1, 2, 5, 10, … and, for bytes, 1 KiB, 2 KiB, 4 KiB, …; "whole": not below 1. */
type Steps = "any" | "whole" | "bytes";

const STEPS: { readonly [steps in Steps]: number[] } = {
  any: decimalSteps(-3),
  whole: decimalSteps(0),
  bytes: Array.from({ length: 53 }, (_, power) => 2 ** power),
};

function decimalSteps(least: number): number[] {
  return Array.from({ length: 16 - least }, (_, at) => at + least)
    .flatMap((power) => [1, 2, 5].map((one) => one * 10 ** power));
}

/** Seconds between the times that an axis names. */
const TIME_STEPS = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600];
/** There is no plot of less than a minute. */
const MIN_SPAN_S = 60;

export interface Line {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

export function Plot(
  { title, level = 3, atMs, lines, steps = "any", write }: {
    title: string;
    /** Of its heading, below that of what it belongs to. */
    level?: 2 | 3;
    atMs: readonly number[];
    lines: readonly Line[];
    /** Between the lines behind it. */
    steps?: Steps;
    /** A value as it is read: "1.5 MiB/s". */
    write: (value: number) => string;
  },
) {
  /** Of the value below the pointer; null: there is none, so that the last ones are shown. */
  const [at, setAt] = useState<number | null>(null);
  const Heading = level === 2 ? "h2" : "h3";
  const area = useRef<HTMLDivElement>(null), plot = useRef<uPlot | null>(null);
  const labels = lines.map(({ label }) => label).join(),
    painted = `${theme.value} ${repaint.value}`;
  const data = [
    atMs.map((ms) => ms / 1000),
    ...lines.map(({ values }) => [...values]),
  ] as uPlot.AlignedData;
  useEffect(() => {
    const element = area.current!;
    const size = () => ({ width: element.clientWidth, height: element.clientHeight });
    const made = new uPlot(
      {
        ...optionsFor(element, lines, { steps, write, size: size() }),
        hooks: { setCursor: [({ cursor }) => setAt(cursor.idx ?? null)] },
      },
      data,
      element,
    );
    plot.current = made;
    const watched = new ResizeObserver(() => made.setSize(size()));
    watched.observe(element);
    return () => {
      watched.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [labels, painted]);
  useEffect(() => plot.current?.setData(data), [atMs, ...lines.map(({ values }) => values)]);
  return (
    <figure class="card plot">
      <figcaption>
        <Heading class="minor">{title}</Heading>
        <span class="legend">
          {/* When it was: always there, so that nothing moves when the pointer comes. */}
          {clockOf(atMs.at(at ?? -1))}
          {lines.map(({ label, values }, line) => (
            <span key={label}>
              <span class={`key plot-${line + 1}`} aria-hidden="true" />
              {label} {written(values.at(at ?? -1), write)}
            </span>
          ))}
        </span>
      </figcaption>
      <div class="area" ref={area} role="img" aria-label={inWords(title, lines, write)} />
    </figure>
  );
}

function inWords(title: string, lines: readonly Line[], write: (value: number) => string): string {
  const said = lines.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    if (known.length === 0) return `${label}: nothing is known`;
    // Not Math.max(...known): a day has more values than some browsers take arguments.
    const [least, most] = known.reduce(([low, high], value) => [
      Math.min(low, value),
      Math.max(high, value),
    ], [Infinity, -Infinity]);
    return `${label}: now ${written(known.at(-1), write)}, ${write(least)} to ${write(most)}`;
  });
  return `${title}. ${said.join(". ")}`;
}

function written(value: number | null | undefined, write: (value: number) => string): string {
  return value === null || value === undefined ? "\u2013" : write(value);
}

function optionsFor(
  element: HTMLElement,
  lines: readonly Line[],
  { steps, write, size }: {
    readonly steps: Steps;
    readonly write: (value: number) => string;
    readonly size: { readonly width: number; readonly height: number };
  },
): uPlot.Options {
  const text = colour(element, "--muted"), grid = { stroke: colour(element, "--line"), width: 1 };
  const font = `12px ${getComputedStyle(element).fontFamily}`;
  return {
    ...size,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    padding: [8, 8, 0, 0],
    scales: {
      x: { range: ({ data }) => spanOf(data[0][0], data[0].at(-1)) },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] },
    },
    axes: [
      {
        stroke: text,
        grid: { show: false },
        ticks: { show: false },
        font,
        size: 26,
        space: 70,
        incrs: TIME_STEPS,
        values: clock,
      },
      {
        stroke: text,
        grid,
        ticks: { show: false },
        font,
        size: AXIS_WIDTH,
        space: 30,
        incrs: STEPS[steps],
        values: (_, splits) => splits.map(write),
      },
    ],
    series: [
      {},
      ...lines.map(({ label }, at) => {
        const stroke = colour(element, `--plot-${at + 1}`);
        return {
          label,
          stroke,
          // What is below the first line is its amount; more than one would hide each other.
          fill: at === 0 ? faint(stroke) : undefined,
          width: 1.5,
          // Of one value there is no line yet.
          points: { show: ({ data }: uPlot) => data[0].length < 2 },
        };
      }),
    ],
  };
}

/** Of the axis, in seconds; before there is a value, of the minute that was. */
function spanOf(first?: number, last?: number): [number, number] {
  const end = last ?? Date.now() / 1000;
  return [Math.min(first ?? end, end - MIN_SPAN_S), end];
}

/** "14:05", as a clock on the wall says; with seconds where they tell times apart. Not where it would be cut off. */
function clock(
  plot: uPlot,
  seconds: number[],
  _: number,
  __: number,
  step: number,
): (string | null)[] {
  const end = plot.width - AXIS_WIDTH - HALF_CLOCK;
  return seconds.map((second) =>
    plot.valToPos(second, "x") > end ? null : clockOf(second * 1000).slice(0, step < 60 ? 8 : 5)
  );
}

/** Of the axis of values, and half of what a time takes, in px. */
const AXIS_WIDTH = 70, HALF_CLOCK = 32;

/** "rgb(1, 2, 3)", hardly seen. */
function faint(colour: string): string {
  return colour.replace(/^rgb\((.*)\)$/, "rgba($1, 0.1)");
}

/** "14:05:10" */
function clockOf(ms: number | undefined): string {
  const written = ms === undefined ? null : writtenTime(ms);
  return written === null ? "" : written.local.slice(11, 19);
}

/** A canvas knows no variables: the browser says what they come to. */
function colour(element: HTMLElement, name: string): string {
  element.style.color = `var(${name})`;
  const found = getComputedStyle(element).color;
  element.style.color = "";
  return found;
}
