/** What a finding means, as it is printed in front of it. */
export const MEANING = {
  damage: "damaged       ",
  torn: "cut at start  ",
  restored: "put back      ",
  stray: "put aside     ",
  hint: "rebuilt       ",
  unproved: "not proved    ",
  hanging: "hanging       ",
  foreign: "left alone    ",
  doomed: "removed       ",
} as const;
