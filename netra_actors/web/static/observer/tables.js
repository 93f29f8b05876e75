/** Tables that are redrawn each second without losing scroll or focus. */

import { arrange, h, setAttribute, setText } from "../chat/dom.js";

/**
 * One table.
 *
 * A column is `{key, label, kind?: "number" | "id" | "badge", text?: (row) => string,
 * tone?: (row) => "good" | "warn" | "bad" | ""}`.
 */
export class LiveTable {
  #columns;
  #keyOf;
  #rows = new Map();
  #body = h("tbody");
  #empty;
  #scroll;

  /**
   * @param {Element} parent
   * @param {{columns: object[], keyOf: (row: object) => string, empty: string, label: string}} options
   */
  constructor(parent, { columns, keyOf, empty, label }) {
    this.#columns = columns;
    this.#keyOf = keyOf;
    this.#empty = h("p", { class: "empty" }, empty);
    const head = columns.map((column) =>
      h("th", { scope: "col", class: column.kind === "number" ? "number" : null }, column.label),
    );
    this.#scroll = h(
      "div",
      { class: "table-scroll", tabindex: "0", role: "region", "aria-label": label },
      h("table", {}, h("thead", {}, h("tr", {}, head)), this.#body),
    );
    parent.append(this.#empty, this.#scroll);
  }

  /** Show these rows. @param {object[]} rows */
  update(rows) {
    const drawn = new Map();
    for (const row of rows) {
      const key = this.#keyOf(row);
      const cells = this.#rows.get(key) ?? this.#make();
      this.#fill(cells, row);
      drawn.set(key, cells);
    }
    this.#rows = drawn;
    arrange(
      this.#body,
      [...drawn.values()].map((cells) => cells.element),
    );
    this.#empty.hidden = rows.length > 0;
    this.#scroll.hidden = rows.length === 0;
  }

  #make() {
    const cells = this.#columns.map(({ kind }) => {
      const badge = kind === "badge" ? h("span", { class: "badge" }) : null;
      return { badge, td: h("td", {}, badge) };
    });
    return {
      cells,
      element: h(
        "tr",
        {},
        cells.map(({ td }) => td),
      ),
    };
  }

  #fill({ cells }, row) {
    this.#columns.forEach((column, index) => {
      const { td, badge } = cells[index];
      const text = column.text?.(row) ?? String(row[column.key] ?? "–");
      const tone = column.tone?.(row) ?? "";
      setText(badge ?? td, text);
      setAttribute(
        badge ?? td,
        "class",
        [badge ? "badge" : (column.kind ?? ""), tone].filter(Boolean).join(" ") || null,
      );
      if (column.kind === "id") td.title = text;
    });
  }
}
