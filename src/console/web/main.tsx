/** The console in the browser: where it begins. */
import { render } from "preact";
import { Frame } from "./frame.tsx";
import { beginLive, watchVisibility } from "./live/live.ts";
import { listen } from "./navigation.ts";
import { beginTheme } from "./theme.ts";

beginTheme();
watchVisibility();
beginLive();
listen();
const place = document.getElementById("console")!;
place.replaceChildren();
render(<Frame />, place);
