/** The conversation: messages and turns of one thread, kept at the newest unless one reads back. */

import { arrange, h, icon, setText } from "./dom.js";
import { formatBytes, formatInstant } from "./format.js";
import { drawMarkdown } from "./markdown.js";
import { TurnView } from "./turn-view.js";
import { tick } from "./step-view.js";

const NEAR = 90;
/** Pixels above what the page rests on. */
const MARGIN = 24;

function problemOf({ message, recovery }) {
  const button = (action, text) =>
    h("button", { class: "ghost small", type: "button", data: { action } }, text);
  return h(
    "div",
    { class: "message-problem", role: "alert", testid: "message-problem" },
    h("p", {}, message),
    recovery && h("p", { class: "quiet" }, recovery),
    h("p", {}, button("resend", "Send again"), button("discard", "Discard")),
  );
}

/** A user's message. */
class MessageView {
  #actions;
  #text = h("div", { class: "message-text" });
  #meta = h("p", { class: "message-meta" });
  #problem = null;
  #drawn = null;

  constructor(message, actions) {
    this.#actions = actions;
    this.element = h(
      "article",
      {
        class: "message-user",
        testid: "message-user",
        "aria-label": "You",
        data: { messageId: message.message_id },
      },
      h("div", { class: "bubble" }, this.#text),
      this.#meta,
    );
    this.element.addEventListener("click", ({ target }) => {
      const action = target.closest("[data-action]")?.dataset.action;
      if (action !== undefined) actions[action](this.#drawn);
    });
  }

  update(message, run) {
    setText(this.#text, run?.question ?? message.content);
    this.#drawn = message;
    this.element.classList.toggle("sending", message.sending === true);
    const files = (run?.attachments ?? message.attachments ?? []).map(
      (file) => `${file.name} (${formatBytes(file.bytes)})`,
    );
    const waits = run?.status === "queued" && run.place ? `waiting, place ${run.place}` : null;
    const when = message.sending
      ? "Sending…"
      : message.error
        ? "Not sent"
        : formatInstant(message.created_at, this.#actions.now());
    setText(this.#meta, [...files, waits, when].filter(Boolean).join(" · "));
    if ((this.#problem !== null) === Boolean(message.error)) return;
    this.#problem?.remove();
    this.#problem = message.error ? problemOf(message.error) : null;
    if (this.#problem !== null) this.element.append(this.#problem);
  }
}

/** An agent's message that belongs to no run. */
class PlainView {
  #text = h("div", { class: "prose answer", testid: "message-agent" });
  element = h("article", { class: "turn", "aria-label": "Agent" }, this.#text);

  update(message) {
    drawMarkdown(this.#text, message.content);
  }
}

/** The scrolling middle of the page. */
export class ConversationView {
  #scroller;
  #list;
  #jump;
  #earlier;
  #actions;
  #views = new Map();
  #thread = null;
  #stick = true;
  #top = 0;

  /**
   * @param {{scroller: Element, list: Element, jump: Element, earlier: Element}} parts
   * @param {object} actions those of the turns, and resend, discard, loadEarlier
   */
  constructor({ scroller, list, jump, earlier }, actions) {
    this.#scroller = scroller;
    this.#list = list;
    this.#jump = jump;
    this.#earlier = earlier;
    this.#actions = actions;
    jump.append(icon("down"), "Newest");
    jump.addEventListener("click", () => this.#toEnd());
    earlier.addEventListener("click", () => this.#loadEarlier());
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#follow()).observe(list);
  }

  /** Go to the newest message and stay there. */
  toNewest() {
    this.#stick = true;
    this.#follow();
  }

  /**
   * Show a thread.
   *
   * @param {string | null} thread_id
   * @param {import("./session.js").SessionModel} model
   */
  update(thread_id, model) {
    if (thread_id !== this.#thread) {
      this.#thread = thread_id;
      this.#views.clear();
      this.#stick = true;
    }
    const items = thread_id === null ? [] : model.items(thread_id);
    const wasAtEnd = this.#isAtEnd();
    const views = new Map();
    for (const item of items) {
      const view = this.#views.get(item.key) ?? this.#make(item);
      if (item.run_id !== undefined) view.update(model.timelines.get(item.run_id), item.answer);
      else if (item.message !== undefined)
        view.update(item.message, model.timelines.get(item.message.run_id));
      else view.update(item.answer);
      views.set(item.key, view);
    }
    if (wasAtEnd && views.size > this.#views.size) this.#stick = true;
    this.#views = views;
    arrange(
      this.#list,
      [...views.values()].map((view) => view.element),
    );
    this.tick();
    this.#earlier.hidden = thread_id === null || items.length === 0 || model.isComplete(thread_id);
    this.#follow();
  }

  /** Let the running clocks show the time. */
  tick() {
    tick(this.#list, this.#actions.now());
  }

  #make(item) {
    if (item.run_id !== undefined) return new TurnView(item.run_id, this.#actions);
    return item.message === undefined
      ? new PlainView()
      : new MessageView(item.message, this.#actions);
  }

  async #loadEarlier() {
    const { scrollHeight, scrollTop } = this.#scroller;
    this.#stick = false;
    this.#earlier.disabled = true;
    await this.#actions.loadEarlier(this.#thread);
    this.#earlier.disabled = false;
    this.#scroller.scrollTop = scrollTop + this.#scroller.scrollHeight - scrollHeight;
  }

  #scrolled() {
    const { scrollTop } = this.#scroller;
    const { rest, end } = this.#places();
    // Only going up lets go, or reading on below where the page rests: when much is added at
    // once, the end is far away for a moment.
    if (Math.abs(rest - scrollTop) < NEAR) this.#stick = true;
    else if (scrollTop < this.#top || rest < end) this.#stick = false;
    this.#top = scrollTop;
    this.#showJump();
  }

  #follow() {
    if (this.#stick) this.#scroller.scrollTop = this.#places().rest;
    this.#showJump();
  }

  #toEnd() {
    this.#stick = true;
    this.#scroller.scrollTop = this.#places().end;
  }

  #showJump() {
    this.#jump.hidden = this.#stick || this.#isAtEnd();
  }

  #isAtEnd() {
    return this.#places().end - this.#scroller.scrollTop < NEAR;
  }

  /**
   * Where the newest ends, and where the page rests while it follows: there, or at the question
   * of a finished turn whose report would push its answer out of sight.
   */
  #places() {
    const { scrollHeight, clientHeight, scrollTop } = this.#scroller;
    const end = Math.max(0, scrollHeight - clientHeight);
    const turn = this.#list.lastElementChild;
    if (!turn?.classList.contains("reported")) return { rest: end, end };
    const before = turn.previousElementSibling;
    const anchor = before !== null && before.offsetHeight < clientHeight / 4 ? before : turn;
    const above = this.#scroller.getBoundingClientRect().top + MARGIN - scrollTop;
    const top = Math.max(0, anchor.getBoundingClientRect().top - above);
    return { rest: Math.min(end, top), end };
  }
}
