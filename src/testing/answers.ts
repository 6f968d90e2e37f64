/** Long answers as a broker's handlers share them, with the time of the system. */
import { Turn } from "../background/turn.ts";
import { LongAnswers } from "../handlers/long_answers.ts";

export function someAnswers(maxBytes = 1 << 25): LongAnswers {
  return new LongAnswers({ turn: new Turn(), maxBytes });
}
