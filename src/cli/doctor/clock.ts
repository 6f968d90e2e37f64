/** Clock: this machine's beside the broker's, as its answers over HTTP are dated. */
import { type Check, durationText, Unseen } from "./finding.ts";

/** Retention, tokens and sessions go by clocks; a Date has whole seconds. */
const TOLERATED_MS = 5000;

export const clockCheck: Check = {
  name: "clock",
  look: (scene) => {
    const { url, dateMs, askedMs, answeredMs } = scene.http;
    if (dateMs === null) throw new Unseen(`${url} does not date its answers`);
    // It was dated between question and answer, and a Date is cut to seconds.
    const aheadMs = dateMs - answeredMs, behindMs = askedMs - (dateMs + 1000);
    const apartMs = Math.max(aheadMs, behindMs);
    if (apartMs <= TOLERATED_MS) return Promise.resolve([]);
    const where = aheadMs > behindMs ? "ahead of" : "behind";
    return Promise.resolve([{
      severity: "warning",
      what: `The broker's clock is ${durationText(apartMs)} ${where} this machine's`,
      evidence: `${url} says ${new Date(dateMs).toISOString()}, here it is ${
        new Date(answeredMs).toISOString()
      }; timestamps, retention and tokens go by these clocks`,
      command: "timedatectl set-ntp true",
    }]);
  },
};
