/** Theme: light, dark, or as the system has it; what was chosen is kept in this browser. */
import { effect, signal } from "@preact/signals";
import { keptTheme, showTheme, type Theme, THEME_KEY } from "./kept_theme.ts";

export const theme = signal<Theme>("system");
/** Another number whenever the system's own theme changes: what is drawn in colours has to be drawn again. */
export const repaint = signal(0);

export function beginTheme(): void {
  theme.value = keptTheme();
  effect(() => {
    showTheme(theme.value);
    keep(theme.value);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => repaint.value++);
}

function keep(chosen: Theme): void {
  try {
    if (chosen === "system") localStorage.removeItem(THEME_KEY);
    else localStorage.setItem(THEME_KEY, chosen);
  } catch {
    // Then it is for this page alone.
  }
}
