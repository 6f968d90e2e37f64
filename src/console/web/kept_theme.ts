/** Kept theme: what was chosen in this browser. */

export type Theme = "system" | "light" | "dark";

export const THEME_KEY = "runnel-console-theme";

/** A browser may keep nothing. */
export function keptTheme(): Theme {
  try {
    const text = localStorage.getItem(THEME_KEY);
    return text === "light" || text === "dark" ? text : "system";
  } catch {
    return "system";
  }
}

/** The stylesheet goes by it. */
export function showTheme(theme: Theme): void {
  const { dataset } = document.documentElement;
  if (theme === "system") delete dataset.theme;
  else dataset.theme = theme;
}
