/** What cannot be taken back is confirmed by the name of the thing, written out. */
import type { DeleteBody } from "./api.ts";
import { ApiFailure } from "./failure.ts";
import type { ObjectShape } from "./shape.ts";

export const confirmShape: ObjectShape = {
  type: "object",
  properties: { confirm: { type: "string", doc: "The name of what is deleted." } },
  required: ["confirm"],
};

export function mustConfirm({ confirm }: DeleteBody, name: string): void {
  if (confirm === name) return;
  throw new ApiFailure("bad_request", `confirm = ${confirm}: needs ${name}`, { field: "confirm" });
}
