/** First: before anything is painted, so that nothing is painted in another theme than the one that was chosen. */
import { keptTheme, showTheme } from "./kept_theme.ts";

showTheme(keptTheme());
