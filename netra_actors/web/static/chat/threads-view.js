/** The list of threads, and the drawer it becomes on a narrow screen. */

import { arrange, h, icon, setAttribute, setText } from "./dom.js";
import { formatInstant } from "./format.js";

/** One thread in the list. */
class ThreadItem {
  #title = h("span", { class: "thread-title" });
  #when = h("span", { class: "thread-when" });
  #button;

  constructor(thread_id, actions) {
    this.#button = h(
      "button",
      { class: "thread-open", type: "button", on: { click: () => actions.open(thread_id) } },
      h("span", { class: "thread-dot", "aria-hidden": "true" }),
      this.#title,
      this.#when,
    );
    this.rename = h(
      "button",
      { class: "ghost icon-only", type: "button", on: { click: () => actions.rename(thread_id) } },
      icon("pencil"),
    );
    this.remove = h(
      "button",
      { class: "ghost icon-only", type: "button", on: { click: () => actions.remove(thread_id) } },
      icon("trash"),
    );
    this.element = h(
      "li",
      { class: "thread", testid: "thread-item", data: { threadId: thread_id } },
      this.#button,
      h("span", { class: "thread-tools" }, this.rename, this.remove),
    );
  }

  update(thread, { current, running, now }) {
    const title = thread.title || "Untitled";
    setText(this.#title, title);
    setText(
      this.#when,
      running ? "working" : thread.updated_at ? formatInstant(thread.updated_at, now) : "",
    );
    setAttribute(this.#button, "aria-current", current ? "page" : null);
    setAttribute(this.rename, "aria-label", `Rename ${title}`);
    setAttribute(this.remove, "aria-label", `Delete ${title}`);
    this.element.classList.toggle("current", current);
    this.element.classList.toggle("running", running);
  }
}

/** The list of threads. */
export class ThreadsView {
  #list;
  #empty;
  #actions;
  #items = new Map();

  /**
   * @param {{list: Element, empty: Element}} parts
   * @param {{open: Function, rename: Function, remove: Function, now: () => number}} actions
   */
  constructor({ list, empty }, actions) {
    this.#list = list;
    this.#empty = empty;
    this.#actions = actions;
  }

  /** Show the threads. @param {Set<string>} running threads with an open run */
  update(threads, current, running) {
    const now = this.#actions.now();
    const items = new Map();
    for (const thread of threads) {
      const item =
        this.#items.get(thread.thread_id) ?? new ThreadItem(thread.thread_id, this.#actions);
      item.update(thread, {
        current: thread.thread_id === current,
        running: running.has(thread.thread_id),
        now,
      });
      items.set(thread.thread_id, item);
    }
    this.#items = items;
    arrange(
      this.#list,
      [...items.values()].map((item) => item.element),
    );
    this.#empty.hidden = threads.length > 0;
  }
}

/** The drawer: the side bar on a narrow screen. Opening moves the focus in, closing back. */
export class Drawer {
  #side;
  #opener;
  #shade;
  #main;
  #narrow = matchMedia("(max-width: 820px)");

  /** @param {{side: Element, opener: Element, closer: Element, shade: Element, main: Element}} parts */
  constructor({ side, opener, closer, shade, main }) {
    this.#side = side;
    this.#opener = opener;
    this.#shade = shade;
    this.#main = main;
    opener.addEventListener("click", () => this.open());
    closer.addEventListener("click", () => this.close());
    shade.addEventListener("click", () => this.close());
    side.addEventListener("keydown", ({ key }) => key === "Escape" && this.close());
    this.#narrow.addEventListener("change", () => this.#apply(false));
    this.#apply(false);
  }

  /** Show it. */
  open() {
    this.#apply(true);
    this.#side.querySelector("button, a")?.focus();
  }

  /** Hide it; on a wide screen it stays. */
  close() {
    const inside = this.#side.contains(document.activeElement);
    this.#apply(false);
    if (inside && this.#narrow.matches) this.#opener.focus();
  }

  #apply(open) {
    const drawn = this.#narrow.matches;
    this.#side.classList.toggle("opened", open && drawn);
    this.#side.inert = drawn && !open;
    this.#main.inert = drawn && open;
    this.#shade.hidden = !(drawn && open);
    this.#opener.setAttribute("aria-expanded", String(open && drawn));
  }
}
