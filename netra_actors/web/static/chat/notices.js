/** What the page says beside the conversation: notices, announcements and questions. */

import { h, icon } from "./dom.js";

const STAY_MS = 9_000;
const MAX_NOTICES = 4;

/** Notices at the edge of the page, and text for screen readers. */
export class Notices {
  #box;
  #announcer;

  /** @param {{box: Element, announcer: Element}} parts */
  constructor({ box, announcer }) {
    this.#box = box;
    this.#announcer = announcer;
  }

  /** Say something to screen readers, when they are free. */
  announce(text) {
    this.#announcer.append(h("p", {}, text));
    while (this.#announcer.childElementCount > 3) this.#announcer.firstElementChild.remove();
  }

  /** Show an error with what to do about it. @param {Error & {recovery?: string}} error */
  problem(error) {
    const wait = error.retry_after_s ? ` Try again in ${Math.ceil(error.retry_after_s)} s.` : "";
    const close = () => notice.remove();
    const notice = h(
      "div",
      { class: "notice", role: "alert", testid: "notice" },
      icon("warning"),
      h(
        "div",
        {},
        h("p", {}, error.message),
        (error.recovery || wait) && h("p", { class: "quiet" }, `${error.recovery ?? ""}${wait}`),
      ),
      h(
        "button",
        { class: "ghost icon-only", type: "button", "aria-label": "Dismiss", on: { click: close } },
        icon("close"),
      ),
    );
    this.#box.append(notice);
    while (this.#box.childElementCount > MAX_NOTICES) this.#box.firstElementChild.remove();
    setTimeout(close, STAY_MS);
  }
}

/**
 * Ask in a dialog and wait for the answer.
 *
 * @param {{title: string, text?: string, action: string, danger?: boolean,
 *   field?: {label: string, value: string, multiline?: boolean, maxlength?: number}}} question
 * @returns {Promise<string | null>} the field's text ("" without one), or null when cancelled
 */
export function ask({ title, text, action, danger = false, field }) {
  const tag = field?.multiline ? "textarea" : "input";
  const input =
    field &&
    h(tag, {
      id: "ask-field",
      class: "field",
      rows: field.multiline ? 4 : null,
      maxlength: field.maxlength,
      autocomplete: "off",
      spellcheck: "false",
      required: true,
    });
  if (input) input.value = field.value;
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "ask-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "ask-title" }, title),
      text && h("p", { class: "quiet" }, text),
      input && h("label", { for: "ask-field" }, field.label),
      input,
      h(
        "div",
        { class: "dialog-actions" },
        h(
          "button",
          { class: "ghost", type: "button", on: { click: () => dialog.close("") } },
          "Cancel",
        ),
        h(
          "button",
          {
            class: danger ? "solid danger" : "solid",
            type: "submit",
            value: "yes",
            testid: "dialog-ok",
          },
          action,
        ),
      ),
    ),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? (input?.value.trim() ?? "") : null);
    });
    dialog.showModal();
    input?.select();
  });
}
