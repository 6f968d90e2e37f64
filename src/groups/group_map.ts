/** GroupMap: groups by id, with what their ids take together. */
import type { Group } from "./group.ts";

export class GroupMap extends Map<string, Group> {
  /** Of all ids, in characters. */
  idLength = 0;

  override set(id: string, group: Group): this {
    if (!this.has(id)) this.idLength += id.length;
    return super.set(id, group);
  }

  override delete(id: string): boolean {
    const isGone = super.delete(id);
    if (isGone) this.idLength -= id.length;
    return isGone;
  }

  override clear(): void {
    super.clear();
    this.idLength = 0;
  }
}
