/** The supervision tree, redrawn in place; what was folded stays folded. */

import { arrange, h, setAttribute, setText } from "../chat/dom.js";
import { formatDuration, humanize } from "../chat/format.js";

const BAD = new Set(["quarantined", "crashed", "failed", "lost"]);
const WARN = new Set(["restarting", "stopping", "draining", "cancelling", "full", "starting"]);
const IDLE = new Set(["stopped", "finished", "queued"]);
const MAX_CHILDREN = 100;

/** How a state is to be seen. @param {string} state */
export function toneOf(state) {
  if (BAD.has(state)) return "bad";
  if (WARN.has(state)) return "warn";
  return IDLE.has(state) ? "idle" : "";
}

/** One node and what is below it. */
export class TreeNode {
  #dot = h("span", { class: "dot" });
  #name = h("span", { class: "name" });
  #kind = h("span", { class: "kind" });
  #restarts = h("span", { class: "badge warn" });
  #since = h("span", { class: "since" });
  #facts = h("p", { class: "facts" });
  #list = h("ul", { class: "tree" });
  #details;
  #children = new Map();

  constructor() {
    const line = h(
      "summary",
      { class: "branch" },
      this.#dot,
      this.#name,
      this.#kind,
      this.#restarts,
      this.#since,
    );
    this.#details = h("details", { open: true }, line, this.#facts, this.#list);
    this.element = h("li", {}, this.#details);
  }

  /** Show a node of the picture. @param {object} node */
  update(node) {
    const {
      name = "?",
      kind = "",
      state = "",
      restarts = 0,
      since_s,
      children = [],
      detail = {},
    } = node;
    setAttribute(this.#dot, "class", `dot ${toneOf(state)}`);
    setAttribute(this.#dot, "title", state);
    setText(this.#name, name);
    setText(
      this.#kind,
      [kind, ["", "running", "open"].includes(state) ? "" : state].filter(Boolean).join(" · "),
    );
    setText(this.#restarts, `${restarts}×`);
    this.#restarts.hidden = restarts === 0;
    this.#restarts.title = `${restarts} restarts`;
    setText(this.#since, since_s == null ? "" : formatDuration(since_s * 1_000));
    const facts = Object.entries(detail ?? {}).filter(
      ([, value]) => value !== null && typeof value !== "object",
    );
    setText(this.#facts, facts.map(([key, value]) => `${humanize(key)} ${value}`).join(" · "));
    this.#facts.hidden = facts.length === 0;
    this.#drawChildren(children ?? []);
  }

  #drawChildren(children) {
    const drawn = new Map();
    for (const child of children.slice(0, MAX_CHILDREN)) {
      const key = `${child.kind} ${child.name}`;
      const view = this.#children.get(key) ?? new TreeNode();
      view.update(child);
      drawn.set(key, view);
    }
    this.#children = drawn;
    const nodes = [...drawn.values()].map((view) => view.element);
    if (children.length > MAX_CHILDREN)
      nodes.push(h("li", { class: "facts" }, `and ${children.length - MAX_CHILDREN} more`));
    arrange(this.#list, nodes);
    this.#list.hidden = nodes.length === 0;
  }
}
