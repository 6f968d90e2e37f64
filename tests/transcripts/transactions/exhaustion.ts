import type { Scenarios } from "./player.ts"; export const EXHAUSTION: Scenarios = {};
