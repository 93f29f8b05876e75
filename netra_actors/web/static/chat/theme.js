/** Light, dark, or as the system has it; remembered. */

import { icon } from "./dom.js";

const KEY = "netra.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const WORDS = { auto: "as the system", light: "light", dark: "dark" };
const ICONS = { auto: "auto", light: "sun", dark: "moon" };

function apply(theme, button) {
  const root = document.documentElement;
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  if (button === null) return;
  button.replaceChildren(icon(ICONS[theme]));
  button.setAttribute("aria-label", `Theme: ${WORDS[theme]}. Change it.`);
  button.title = `Theme: ${WORDS[theme]}`;
}

/** Let a button change the theme. @param {HTMLElement | null} button */
export function setUpTheme(button) {
  let theme = localStorage.getItem(KEY) ?? "auto";
  if (!(theme in NEXT)) theme = "auto";
  apply(theme, button);
  button?.addEventListener("click", () => {
    theme = NEXT[theme];
    localStorage.setItem(KEY, theme);
    apply(theme, button);
  });
}
