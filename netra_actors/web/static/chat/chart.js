/** Small charts as SVG: bars for named values, a line for a series. Drawn without a library. */

import { h, svg } from "./dom.js";
import { formatNumber } from "./format.js";

const BAR = 22;
const GAP = 8;
const MAX_BARS = 12;

function shorten(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/**
 * Draw horizontal bars.
 *
 * @param {{label: string, value: number, text?: string}[]} points
 * @param {string} title what screen readers say it is
 * @param {number} width in CSS pixels
 * @returns {SVGElement}
 */
export function barChart(points, title, width) {
  const shown = points.slice(0, MAX_BARS);
  const height = shown.length * (BAR + GAP) - GAP;
  const low = Math.min(0, ...shown.map((point) => point.value));
  const high = Math.max(0, ...shown.map((point) => point.value));
  const left = Math.min(190, Math.round(width * 0.3));
  const right = 84;
  const scale = (width - left - right) / (high - low || 1);
  const zero = left - low * scale;
  const rows = shown.map(({ label, value, text }, row) => {
    const y = row * (BAR + GAP);
    const length = Math.max(Math.abs(value) * scale, value === 0 ? 0 : 2);
    const x = value < 0 ? zero - length : zero;
    return svg(
      "g",
      {},
      svg("title", {}, `${label}: ${text ?? formatNumber(value)}`),
      svg(
        "text",
        { class: "chart-label", x: left - 12, y: y + BAR / 2, "text-anchor": "end", dy: "0.35em" },
        shorten(label, Math.floor(left / 7.2)),
      ),
      svg("rect", {
        class: "chart-track",
        x: left,
        y,
        width: width - left - right,
        height: BAR,
        rx: 4,
      }),
      svg("rect", {
        class: value < 0 ? "chart-bar negative" : "chart-bar",
        x,
        y,
        width: length,
        height: BAR,
        rx: 4,
      }),
      svg(
        "text",
        { class: "chart-value", x: width - right + 10, y: y + BAR / 2, dy: "0.35em" },
        text ?? formatNumber(value),
      ),
    );
  });
  return frame(title, width, height, rows);
}

/**
 * Draw a line over a series.
 *
 * @param {{label: string, value: number}[]} points in order
 * @param {string} title
 * @param {number} width in CSS pixels
 * @returns {SVGElement}
 */
export function lineChart(points, title, width) {
  const height = 170;
  const [left, right, top, bottom] = [52, 12, 10, 26];
  const values = points.map((point) => point.value);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const pad = (high - low || Math.abs(high) || 1) * 0.08;
  const [floor, ceiling] = [low >= 0 && low - pad < 0 ? 0 : low - pad, high + pad];
  const x = (index) => left + (index * (width - left - right)) / Math.max(1, points.length - 1);
  const y = (value) => top + ((ceiling - value) * (height - top - bottom)) / (ceiling - floor || 1);
  const path = points
    .map(
      (point, index) =>
        `${index === 0 ? "M" : "L"}${x(index).toFixed(1)} ${y(point.value).toFixed(1)}`,
    )
    .join("");
  const area = `${path}L${x(points.length - 1).toFixed(1)} ${height - bottom}L${left} ${height - bottom}Z`;
  const ticks = [0, 0.5, 1].map((part) => floor + (ceiling - floor) * part);
  return frame(title, width, height, [
    ...ticks.map((tick) => [
      svg("line", { class: "chart-grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }),
      svg(
        "text",
        { class: "chart-tick", x: left - 8, y: y(tick), dy: "0.35em", "text-anchor": "end" },
        formatNumber(Number(tick.toPrecision(3))),
      ),
    ]),
    svg("path", { class: "chart-area", d: area }),
    svg("path", { class: "chart-line", d: path }),
    points.length > 40
      ? []
      : points.map((point, index) =>
          svg(
            "circle",
            { class: "chart-dot", cx: x(index), cy: y(point.value), r: 3 },
            svg("title", {}, `${point.label}: ${formatNumber(point.value)}`),
          ),
        ),
    svg("text", { class: "chart-tick", x: left, y: height - 6 }, shorten(points[0].label, 20)),
    svg(
      "text",
      { class: "chart-tick", x: width - right, y: height - 6, "text-anchor": "end" },
      shorten(points.at(-1).label, 20),
    ),
  ]);
}

function frame(title, width, height, children) {
  return svg(
    "svg",
    {
      class: "chart",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      "aria-label": title,
    },
    children,
  );
}

/**
 * A box that keeps a chart as wide as itself, so that its text has the page's size.
 *
 * @param {(points: object[], title: string, width: number) => SVGElement} draw
 */
export function fitted(draw, points, title) {
  let drawn = 0;
  const box = h("div", { class: "chart-box" });
  const fit = () => {
    const width = Math.floor(box.clientWidth);
    if (width < 80 || width === drawn) return;
    drawn = width;
    box.replaceChildren(draw(points, title, width));
  };
  new ResizeObserver(fit).observe(box);
  return box;
}

const SERIES_KEY =
  /^(date|day|week|month|quarter|year|hour|time|period|timestamp|bucket|at)$|_(date|day|week|month|at)$/i;
/** What is worth comparing by eye; line numbers and days are not. */
const MEASURE_KEY =
  /usd|eur|cost|saving|spend|price|share|ratio|rate|calls|count|tokens|total|amount|value|score|percent|pct|bytes|rows|users|errors|_ms$|_s$|seconds/i;
const MONEY_KEY = /(^|_)(usd|eur|dollars)(_|$)|^cost|^saving/i;
const CHANGE_KEY = /delta|change|excess|wasted|monthly/i;
const NAME_KEY =
  /^(name|label|title|category|region|product|segment|group|key|id|agent|tool|item|metric|channel|source)$|_name$/i;

/**
 * Find what of a table's rows is worth a chart: a label column and a number column.
 *
 * @param {Record<string, any>[]} rows
 * @returns {{kind: "bar" | "line", key: string, label: string} | null}
 */
export function chartable(rows) {
  if (rows.length < 2) return null;
  const keys = Object.keys(rows[0]);
  const numeric = keys.filter(
    (key) =>
      MEASURE_KEY.test(key) &&
      !SERIES_KEY.test(key) &&
      rows.every((row) => Number.isFinite(row[key])),
  );
  const text = keys.filter(
    (key) =>
      rows.every((row) => ["string", "number"].includes(typeof row[key])) && !numeric.includes(key),
  );
  if (numeric.length === 0 || text.length === 0) return null;
  const money = numeric.filter((one) => MONEY_KEY.test(one));
  const key = money.find((one) => CHANGE_KEY.test(one)) ?? money[0] ?? numeric[0];
  const series = text.find((one) => SERIES_KEY.test(one));
  if (series !== undefined && rows.length >= 4) return { kind: "line", key, label: series };
  return { kind: "bar", key, label: text.find((one) => NAME_KEY.test(one)) ?? text[0] };
}
