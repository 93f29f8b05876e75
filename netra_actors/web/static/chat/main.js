/** Starts the chat page. */

import { ChatApp } from "./app.js";
import { Identity } from "./auth.js";
import { findParts } from "./page.js";
import { setUpTheme } from "./theme.js";

const base = new URL(".", document.baseURI);
const parts = findParts();
setUpTheme(parts.theme);
new ChatApp(parts, new Identity(base), base).start();
