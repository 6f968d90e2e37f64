/** A store that has a folder for each topic of a backup, though some names differ in case alone. */
import { sameName } from "../storage/backends/name_case.ts";
import { type Store, StoreError } from "../storage/store.ts";

/** Throws StoreError where two topics would be one folder. Something has to lie in the store's root. */
export function mustTellCase(store: Store, of: readonly { readonly topic: string }[]): void {
  const same = sameName(of.map(({ topic }) => topic));
  if (same === null || !store.foldsCase()) return;
  throw new StoreError(
    `Cannot write the topics ${same[0]} and ${
      same[1]
    } to ${store.name}: its file system does not tell upper from lower case, and they would be one folder`,
    "io",
  );
}
