/** Small charts as SVG: bars for named values, a line for a series. Drawn without a library. */

import { svg } from "./dom.js";
import { formatNumber } from "./format.js";

const WIDTH = 560;
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
 * @returns {SVGElement}
 */
export function barChart(points, title) {
  const shown = points.slice(0, MAX_BARS);
  const height = shown.length * (BAR + GAP) - GAP;
  const low = Math.min(0, ...shown.map((point) => point.value));
  const high = Math.max(0, ...shown.map((point) => point.value));
  const left = 170;
  const right = 84;
  const scale = (WIDTH - left - right) / (high - low || 1);
  const zero = left - low * scale;
  const rows = shown.map(({ label, value, text }, row) => {
    const y = row * (BAR + GAP);
    const length = Math.max(Math.abs(value) * scale, value === 0 ? 0 : 2);
    const x = value < 0 ? zero - length : zero;
    return svg("g", {},
      svg("title", {}, `${label}: ${text ?? formatNumber(value)}`),
      svg("text", { class: "chart-label", x: left - 12, y: y + BAR / 2, "text-anchor": "end", dy: "0.35em" }, shorten(label, 24)),
      svg("rect", { class: "chart-track", x: left, y, width: WIDTH - left - right, height: BAR, rx: 4 }),
      svg("rect", { class: value < 0 ? "chart-bar negative" : "chart-bar", x, y, width: length, height: BAR, rx: 4 }),
      svg("text", { class: "chart-value", x: WIDTH - right + 10, y: y + BAR / 2, dy: "0.35em" }, text ?? formatNumber(value)));
  });
  return frame(title, height, rows);
}

/**
 * Draw a line over a series.
 *
 * @param {{label: string, value: number}[]} points in order
 * @param {string} title
 * @returns {SVGElement}
 */
export function lineChart(points, title) {
  const height = 170;
  const [left, right, top, bottom] = [52, 12, 10, 26];
  const values = points.map((point) => point.value);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const pad = (high - low || Math.abs(high) || 1) * 0.08;
  const [floor, ceiling] = [low >= 0 && low - pad < 0 ? 0 : low - pad, high + pad];
  const x = (index) => left + (index * (WIDTH - left - right)) / Math.max(1, points.length - 1);
  const y = (value) => top + ((ceiling - value) * (height - top - bottom)) / (ceiling - floor || 1);
  const path = points.map((point, index) => `${index === 0 ? "M" : "L"}${x(index).toFixed(1)} ${y(point.value).toFixed(1)}`).join("");
  const area = `${path}L${x(points.length - 1).toFixed(1)} ${height - bottom}L${left} ${height - bottom}Z`;
  const ticks = [0, 0.5, 1].map((part) => floor + (ceiling - floor) * part);
  return frame(title, height, [
    ...ticks.map((tick) => [
      svg("line", { class: "chart-grid", x1: left, x2: WIDTH - right, y1: y(tick), y2: y(tick) }),
      svg("text", { class: "chart-tick", x: left - 8, y: y(tick), dy: "0.35em", "text-anchor": "end" }, formatNumber(Number(tick.toPrecision(3)))),
    ]),
    svg("path", { class: "chart-area", d: area }),
    svg("path", { class: "chart-line", d: path }),
    points.length > 40 ? [] : points.map((point, index) =>
      svg("circle", { class: "chart-dot", cx: x(index), cy: y(point.value), r: 3 },
        svg("title", {}, `${point.label}: ${formatNumber(point.value)}`))),
    svg("text", { class: "chart-tick", x: left, y: height - 6 }, shorten(points[0].label, 20)),
    svg("text", { class: "chart-tick", x: WIDTH - right, y: height - 6, "text-anchor": "end" }, shorten(points.at(-1).label, 20)),
  ]);
}

function frame(title, height, children) {
  return svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": title }, children);
}

const SERIES_KEY = /^(date|day|week|month|quarter|year|hour|time|period|timestamp|bucket|at)$|_(date|day|week|month|at)$/i;
const NAME_KEY = /^(name|label|title|category|region|product|segment|group|key|id|agent|tool|item|metric|channel|source)$|_name$/i;

/**
 * Find what of a table's rows is worth a chart: a label column and a number column.
 *
 * @param {Record<string, any>[]} rows
 * @returns {{kind: "bar" | "line", key: string, label: string} | null}
 */
export function chartable(rows) {
  if (rows.length < 2) return null;
  const keys = Object.keys(rows[0]);
  const numeric = keys.filter((key) => rows.every((row) => Number.isFinite(row[key])) && !SERIES_KEY.test(key) && !/(^|_)(id|rank|index|step)$/i.test(key));
  const text = keys.filter((key) => rows.every((row) => ["string", "number"].includes(typeof row[key])) && !numeric.includes(key));
  if (numeric.length === 0 || text.length === 0) return null;
  const series = text.find((key) => SERIES_KEY.test(key));
  if (series !== undefined && rows.length >= 4) return { kind: "line", key: numeric[0], label: series };
  const label = text.find((key) => NAME_KEY.test(key)) ?? text[0];
  return { kind: "bar", key: numeric[0], label };
}
