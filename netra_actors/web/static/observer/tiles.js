/** The totals at the top, and the line of the last minutes' events. */

import { h, setText, svg } from "../chat/dom.js";
import { formatNumber } from "../chat/format.js";

const KEPT = 120;

function sparkline(values) {
  const peak = Math.max(1, ...values);
  const x = (index) => (index * 100) / (KEPT - 1);
  const y = (value) => 29 - (value / peak) * 27;
  const shift = KEPT - values.length;
  const line = values
    .map(
      (value, index) =>
        `${index === 0 ? "M" : "L"}${x(index + shift).toFixed(2)} ${y(value).toFixed(2)}`,
    )
    .join("");
  const area = values.length > 1 ? `${line}L100 30L${x(shift).toFixed(2)} 30Z` : "";
  return [svg("path", { class: "area", d: area }), svg("path", { d: line })];
}

/** The row of tiles. */
export class Tiles {
  #tiles = new Map();
  #spark;
  #history = [];

  /** @param {Element} parent */
  constructor(parent) {
    this.#spark = svg("svg", {
      class: "spark",
      viewBox: "0 0 100 30",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": "Events per second, last two minutes",
    });
    parent.append(this.#make("events", "Events per second", this.#spark));
    for (const [key, label] of [
      ["committed", "Committed per second"],
      ["sessions", "Sessions"],
      ["runs", "Runs"],
      ["connections", "Connections"],
      ["lag", "Largest lag"],
    ]) {
      parent.append(this.#make(key, label));
    }
  }

  /** Show a picture's totals. */
  update({ events_per_s = 0, committed_per_s = 0, sessions = [], runs = [], connections = [] }) {
    this.#history = [...this.#history, events_per_s].slice(-KEPT);
    this.#spark.replaceChildren(...sparkline(this.#history));
    const lag = Math.max(0, ...connections.map((one) => one.lag ?? 0));
    const values = {
      events: events_per_s,
      committed: committed_per_s,
      sessions: sessions.length,
      runs: runs.length,
      connections: connections.length,
      lag,
    };
    for (const [key, value] of Object.entries(values))
      setText(this.#tiles.get(key), formatNumber(Math.round(value)));
  }

  #make(key, label, extra = null) {
    const value = h("p", { class: "value", testid: `total-${key}` }, "–");
    this.#tiles.set(key, value);
    return h(
      "div",
      { class: extra === null ? "tile" : "tile wide" },
      h("h3", {}, label),
      value,
      extra,
    );
  }
}
