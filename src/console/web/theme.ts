/** Theme: light, dark, or as the system has it; what was chosen is kept in this browser. */
import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "runnel-console-theme";

export const theme = signal<Theme>("system");
/** Another number whenever the system's own theme changes: what is drawn in colours has to be drawn again. */
export const repaint = signal(0);

export function beginTheme(): void {
  theme.value = kept();
  effect(() => {
    const { dataset } = document.documentElement;
    if (theme.value === "system") delete dataset.theme;
    else dataset.theme = theme.value;
    keep(theme.value);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => repaint.value++);
}

/** A browser may keep nothing. */
function kept(): Theme {
  try {
    const text = localStorage.getItem(KEY);
    return text === "light" || text === "dark" ? text : "system";
  } catch {
    return "system";
  }
}

function keep(chosen: Theme): void {
  try {
    if (chosen === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, chosen);
  } catch {
    // Then it is for this page alone.
  }
}
