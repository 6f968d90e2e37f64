import type { Scenarios } from "./player.ts"; export const DESCRIBING: Scenarios = {};
