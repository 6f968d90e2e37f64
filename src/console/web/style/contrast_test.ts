import { assert, assertEquals } from "@std/assert";

/** What is read on what: 4.5:1 at least (WCAG 2.2, 1.4.3). */
const TEXTS: readonly (readonly [string, readonly string[]])[] = [
  ["text", ["page", "surface", "raised", "accent-soft", "warn-soft", "bad-soft"]],
  ["muted", ["page", "surface", "raised", "accent-soft", "warn-soft", "bad-soft"]],
  ["accent", ["page", "surface", "raised", "accent-soft"]],
  ["on-accent", ["accent"]],
  ["good", ["page", "surface"]],
  ["warn", ["page", "surface", "warn-soft"]],
  ["bad", ["page", "surface", "raised", "bad-soft"]],
];

/** What is seen beside what, as edges of fields, the focus and plots: 3:1 at least (1.4.11). */
const SHAPES: readonly (readonly [string, readonly string[]])[] = [
  ["edge", ["page", "surface"]],
  ["accent", ["page", "surface", "raised", "line"]],
  ["plot-1", ["surface"]],
  ["plot-2", ["surface"]],
  ["plot-3", ["surface"]],
];

for (const [theme, at] of [["light", 0], ["dark", 1]] as const) {
  Deno.test(`every text can be read and every shape be seen in the ${theme} theme`, () => {
    const low = [...pairs(TEXTS, 4.5), ...pairs(SHAPES, 3)].flatMap(([front, back, least]) => {
      const ratio = contrast(colour(front)[at], colour(back)[at]);
      return ratio >= least ? [] : [`${front} on ${back}: ${ratio.toFixed(2)} < ${least}`];
    });
    assertEquals(low, []);
  });
}

Deno.test("contrasts are as WCAG has them", () => {
  assertEquals(contrast("#000000", "#ffffff"), 21);
  assertEquals(contrast("#777777", "#ffffff").toFixed(2), "4.48");
  assertEquals(contrast("#0000ff", "#ffffff").toFixed(2), "8.59");
});

Deno.test("no colour stands outside of the palette", () => {
  for (const file of ["base.css", "parts.css", "plot.css", "views.css"]) {
    const css = Deno.readTextFileSync(new URL(file, import.meta.url));
    assertEquals(css.match(/#[\da-f]{3,8}\b|\brgba?\(|\bhsla?\(/gi) ?? [], [], file);
    for (const [, name] of css.matchAll(/var\(--([\w-]+)\)/g)) {
      assert(
        PALETTE.has(name) || css.includes(`--${name}:`) || SCALE.has(name),
        `${file}: --${name}`,
      );
    }
  }
});

const PALETTE = new Map(
  [
    ...Deno.readTextFileSync(new URL("palette.css", import.meta.url))
      .matchAll(/--([\w-]+): light-dark\((#[\da-f]{6}), (#[\da-f]{6})\)/g),
  ].map(([, name, light, dark]) => [name, [light, dark] as const]),
);

/** The type scale and the spaces, of base.css. */
const SCALE = new Set(
  [...Deno.readTextFileSync(new URL("base.css", import.meta.url)).matchAll(/--([\w-]+):/g)]
    .map(([, name]) => name),
);

function colour(name: string): readonly [string, string] {
  const found = PALETTE.get(name);
  if (found === undefined) throw new Error(`The palette has no --${name}`);
  return found;
}

function* pairs(
  all: typeof TEXTS,
  least: number,
): Generator<readonly [front: string, back: string, least: number]> {
  for (const [front, backs] of all) for (const back of backs) yield [front, back, least];
}

/** WCAG's contrast ratio of two colours, "#rrggbb" each. */
function contrast(a: string, b: string): number {
  const [lighter, darker] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
