/** Messages that wait for their turn in the thread, each removable. */

import { arrange, h, icon, setAttribute, setText } from "./dom.js";

/** The list above the composer. */
export class QueueView {
  #box;
  #list;
  #remove;
  #items = new Map();

  /** @param {{box: Element, list: Element}} parts @param {(run: object) => void} remove */
  constructor({ box, list }, remove) {
    this.#box = box;
    this.#list = list;
    this.#remove = remove;
  }

  /** Show the waiting runs with the text of their messages. @param {{run: object, text: string}[]} waiting */
  update(waiting) {
    const items = new Map();
    for (const { run, text } of waiting) {
      const item = this.#items.get(run.run_id) ?? this.#make(run);
      setText(item.place, `${run.place}.`);
      setText(item.text, text || "Message");
      setAttribute(item.button, "aria-label", `Remove from the queue: ${text.slice(0, 60)}`);
      item.element.classList.toggle("leaving", run.state === "cancelling");
      items.set(run.run_id, item);
    }
    this.#items = items;
    arrange(
      this.#list,
      [...items.values()].map((item) => item.element),
    );
    this.#box.hidden = items.size === 0;
  }

  #make(run) {
    const place = h("span", { class: "place" });
    const text = h("span", { class: "queue-text" });
    const button = h(
      "button",
      {
        class: "ghost icon-only",
        type: "button",
        testid: "queue-remove",
        on: { click: () => this.#remove(run) },
      },
      icon("close"),
    );
    const element = h(
      "li",
      { testid: "queue-item", data: { messageId: run.message_id ?? "" } },
      place,
      text,
      button,
    );
    return { element, place, text, button };
  }
}
