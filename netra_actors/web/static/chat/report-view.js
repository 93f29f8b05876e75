/** A final report, drawn from whatever JSON an agent made: cards, tables, a chart, advice. */

import { barChart, chartable, fitted, lineChart } from "./chart.js";
import { h, icon } from "./dom.js";
import { formatNumber, formatValue, humanize, labelOf } from "./format.js";
import { drawMarkdown } from "./markdown.js";

const MAX_ROWS = 50;
const MAX_COLUMNS = 8;
const MAX_DEPTH = 4;
const LONG_TEXT = 60;

const isRecord = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isScalar = (value) => value === null || typeof value !== "object";
const isLong = (value) => typeof value === "string" && value.length > LONG_TEXT;

function prose(text) {
  const box = h("div", { class: "prose" });
  drawMarkdown(box, text);
  return box;
}

function cards(entries) {
  return h("dl", { class: "cards" }, entries.map(([key, value]) =>
    h("div", { class: typeof value === "number" ? "card" : "card worded" },
      h("dt", {}, labelOf(key)), h("dd", {}, formatValue(key, value)))));
}

function cellOf(key, value) {
  if (isScalar(value)) return formatValue(key, value);
  if (Array.isArray(value) && value.every(isScalar)) return value.map(String).join(", ");
  return JSON.stringify(value);
}

function table(name, rows) {
  const keys = [...new Set(rows.slice(0, MAX_ROWS).flatMap((row) => Object.keys(row)))].slice(0, MAX_COLUMNS);
  const numeric = new Set(keys.filter((key) => rows.every((row) => typeof row[key] === "number" || row[key] == null)));
  const cell = (tag, key, text) => h(tag, { class: numeric.has(key) ? "number" : null, scope: tag === "th" ? "col" : null }, text);
  const more = rows.length - MAX_ROWS;
  return h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": name },
    h("table", {},
      h("thead", {}, h("tr", {}, keys.map((key) => cell("th", key, labelOf(key))))),
      h("tbody", {}, rows.slice(0, MAX_ROWS).map((row) => h("tr", {}, keys.map((key) => cell("td", key, cellOf(key, row[key]))))))),
    more > 0 && h("p", { class: "quiet" }, `and ${formatNumber(more)} more rows`));
}

function chart(name, rows) {
  const found = chartable(rows);
  if (found === null) return null;
  const points = rows.map((row) => ({
    label: String(row[found.label]),
    value: row[found.key],
    text: formatValue(found.key, row[found.key]),
  }));
  const title = `${name}: ${humanize(found.key)} by ${humanize(found.label).toLowerCase()}`;
  const draw = found.kind === "line" ? lineChart : barChart;
  return h("figure", { class: "figure" }, h("figcaption", {}, `${labelOf(found.key)} by ${humanize(found.label).toLowerCase()}`), fitted(draw, points, title));
}

function numbersChart(name, record) {
  const entries = Object.entries(record);
  const points = entries.map(([key, value]) => ({ label: labelOf(key), value, text: formatValue(key, value) }));
  return h("figure", { class: "figure" }, fitted(barChart, points, name));
}

function isSeries(record) {
  const entries = Object.entries(record);
  const units = new Set(entries.map(([key]) => /_(ms|s|usd|eur|bytes|percent|pct|ratio)$/i.exec(key)?.[1] ?? ""));
  return entries.length >= 3 && units.size === 1 && entries.every(([, value]) => Number.isFinite(value));
}

function list(values) {
  return h("ul", {}, values.map((value) => h("li", {}, formatValue("", value))));
}

function section(key, body, depth) {
  return h("section", { class: "report-section" }, h(depth === 0 ? "h4" : "h5", {}, humanize(key)), body);
}

function value(key, content, depth) {
  if (Array.isArray(content)) {
    if (content.length === 0) return null;
    if (content.every(isRecord)) return [chart(humanize(key), content), table(humanize(key), content)];
    return content.every(isScalar) ? list(content) : raw(content);
  }
  if (isRecord(content)) return depth >= MAX_DEPTH ? raw(content) : isSeries(content) && depth > 0 ? numbersChart(humanize(key), content) : record(content, depth);
  return isLong(content) ? prose(content) : h("p", {}, formatValue(key, content));
}

function raw(content) {
  return h("pre", { tabindex: "0" }, h("code", {}, JSON.stringify(content, null, 2)));
}

function record(content, depth) {
  // The question stands above the report already.
  const entries = Object.entries(content).filter(([key, one]) => one !== null && one !== "" && !(depth === 0 && key === "question"));
  const short = entries.filter(([, one]) => isScalar(one) && !isLong(one));
  const rest = entries.filter(([, one]) => !isScalar(one) || isLong(one));
  return [
    short.length > 0 && cards(short),
    rest.map(([key, one]) => {
      const body = value(key, one, depth + 1);
      return body === null ? null : section(key, body, depth);
    }),
  ];
}

/** One piece of advice: text, or a record whose first texts carry it. */
function advice(item) {
  if (!isRecord(item)) return h("li", {}, typeof item === "string" ? prose(item) : formatValue("", item));
  const entries = Object.entries(item);
  const head = entries.find(([key, text]) => /^(title|action|recommendation|step|name|what|summary|task)$/i.test(key) && typeof text === "string")
    ?? entries.find(([, text]) => typeof text === "string");
  const rest = entries.filter(([key, one]) => key !== head?.[0] && isScalar(one) && one !== null);
  const tags = rest.filter(([, one]) => !isLong(one));
  return h("li", {},
    head && h("p", { class: "advice" }, head[1]),
    rest.filter(([, one]) => isLong(one)).map(([, text]) => h("p", { class: "quiet" }, text)),
    tags.length > 0 && h("p", { class: "tags" }, tags.map(([key, one]) => h("span", { class: "tag" }, `${labelOf(key)} `, h("b", {}, formatValue(key, one))))));
}

function confidence(part) {
  const percent = Math.round(Math.min(1, Math.max(0, part)) * 100);
  return h("p", { class: "confidence" }, h("span", {}, "Confidence"),
    h("meter", { min: 0, max: 100, value: percent, "aria-label": "Confidence" }, `${percent} %`), h("b", {}, `${percent} %`));
}

function download(payload) {
  const blob = new Blob([JSON.stringify(payload, null, 2)], { type: "application/json" });
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: "report.json" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/**
 * Draw a `final_report`.
 *
 * @param {object} payload the event's payload
 * @param {(ref: {file_id: string, bytes: number}) => Node} fileLink draws a link to a stored file
 * @returns {HTMLElement}
 */
export function drawReport(payload, fileLink) {
  const { report, executive_summary, recommendations = [], action_plan = [], cost_analysis } = payload;
  const body = isRecord(report) ? record(report, 0) : report == null ? null : value("report", report, 0);
  const cost = cost_analysis == null ? null : value("cost analysis", cost_analysis, 1);
  return h("section", { class: "report", testid: "report", "aria-label": "Report" },
    h("header", { class: "report-head" }, h("h3", {}, "Report"),
      h("button", { class: "ghost small", type: "button", on: { click: () => download(payload) } }, icon("download"), "JSON")),
    executive_summary && h("div", { class: "summary" }, prose(executive_summary)),
    payload.confidence != null && confidence(payload.confidence),
    body,
    payload.report_ref && h("p", {}, fileLink(payload.report_ref)),
    recommendations.length > 0 && section("Recommendations", h("ul", { class: "advices" }, recommendations.map(advice)), 0),
    action_plan.length > 0 && section("Action plan", h("ol", { class: "advices" }, action_plan.map(advice)), 0),
    cost !== null && section("Cost analysis", cost, 0));
}
