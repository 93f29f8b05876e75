/**
 * A final report, drawn from whatever JSON an agent made. What matters comes first: the
 * summary, the numbers, one chart, the advice; everything else is folded below.
 */

import { h, icon } from "./dom.js";
import { formatValue, humanize, labelOf } from "./format.js";
import {
  cards,
  chartOf,
  drawValue,
  isEmpty,
  isLong,
  isRecord,
  prose,
  tags,
} from "./report-values.js";

const HEAD_KEY = /^(title|action|recommendation|step|name|what|summary|task|description)$/i;
const LINE_TEXT = 28;
const MAX_SEARCH = 200;

/** The first rows in a report that make a chart, with the words for them. */
function headline(report) {
  const waiting = Object.entries(report).map(([key, value]) => ({ words: [key], value }));
  for (let looked = 0; waiting.length > 0 && looked < MAX_SEARCH; looked++) {
    const { words, value } = waiting.shift();
    if (Array.isArray(value) && value.length > 0 && value.every(isRecord)) {
      const chart = chartOf(humanize(words.join(" ")), value);
      if (chart !== null) return chart;
    } else if (isRecord(value)) {
      waiting.unshift(
        ...Object.entries(value).map(([key, one]) => ({ words: [...words, key], value: one })),
      );
    }
  }
  return null;
}

function section(title, ...body) {
  return h("section", { class: "report-section" }, h("h4", {}, title), body);
}

/** A folded section; its body is drawn when it is first opened. */
function folded(title, draw) {
  const body = h("div", { class: "folded-body" });
  const details = h("details", { class: "folded" }, h("summary", {}, icon("chevron"), title), body);
  details.addEventListener("toggle", () => {
    if (body.firstChild === null) body.append(...[draw()].flat(Infinity).filter(Boolean));
  });
  return details;
}

/** One piece of advice: text, or a record of which one text says it. */
function advice(item) {
  if (!isRecord(item))
    return h("li", {}, typeof item === "string" ? prose(item) : formatValue("", item));
  const entries = Object.entries(item).filter(
    ([key, value]) => !isEmpty(value) && !(key === "step" && Number.isFinite(value)),
  );
  const head =
    entries.find(([key, value]) => HEAD_KEY.test(key) && typeof value === "string") ??
    entries.find(([, value]) => typeof value === "string");
  const rest = entries.filter((entry) => entry !== head);
  const isShort = ([, value]) => typeof value !== "object" && String(value).length <= LINE_TEXT;
  const isLine = ([, value]) =>
    typeof value === "string" && !isLong(value) && value.length > LINE_TEXT;
  const short = rest.filter(isShort);
  const lines = rest.filter(isLine);
  const deep = rest.filter((entry) => !isShort(entry) && !isLine(entry));
  return h(
    "li",
    {},
    head && h("p", { class: "advice" }, head[1]),
    short.length > 0 && tags(short),
    lines.map(([key, value]) =>
      h("p", { class: "advice-line" }, h("span", { class: "quiet" }, `${labelOf(key)}: `), value),
    ),
    deep.length > 0 && folded("Details", () => drawValue("", Object.fromEntries(deep), 1)),
  );
}

function advices(tag, title, items) {
  return items.length > 0 && section(title, h(tag, { class: "advices" }, items.map(advice)));
}

const NOT_MONEY = /day|call|count|share|ratio|rate|percent|confidence/i;

/** Amounts stand without a unit when the currency is said once for all. */
function withCurrency(analysis) {
  if (!isRecord(analysis) || typeof analysis.currency !== "string") return analysis;
  const { currency, ...rest } = analysis;
  const unit = currency.toLowerCase();
  const named = ([key, value]) => [
    typeof value === "number" && !NOT_MONEY.test(key) ? `${key}_${unit}` : key,
    value,
  ];
  return Object.fromEntries(Object.entries(rest).map(named));
}

function confidence(part) {
  const percent = Math.round(Math.min(1, Math.max(0, part)) * 100);
  return h(
    "p",
    { class: "confidence" },
    h("span", {}, "Confidence"),
    h("meter", { min: 0, max: 100, value: percent, "aria-label": "Confidence" }, `${percent} %`),
    h("b", {}, `${percent} %`),
  );
}

function download(payload) {
  const blob = new Blob([JSON.stringify(payload, null, 2)], { type: "application/json" });
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: "report.json" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** The report itself, as parts: numbers and a chart to be seen, the rest folded. */
function bodyOf(report) {
  if (isEmpty(report)) return { seen: [], behind: [] };
  if (!isRecord(report)) return { seen: [drawValue("report", report)], behind: [] };
  // The question stands above the report already.
  const { question: _, numbers = {}, ...rest } = report;
  const own = Object.entries(rest).filter(([, value]) => typeof value === "number");
  const figures = [...own, ...Object.entries(isRecord(numbers) ? numbers : {})].filter(
    ([, value]) => typeof value === "number",
  );
  const short = Object.entries(rest).filter(
    ([, value]) => typeof value === "string" && !isLong(value),
  );
  const deep = Object.entries(rest).filter(
    ([, value]) => !isEmpty(value) && (typeof value === "object" || isLong(value)),
  );
  return {
    seen: [figures.length > 0 && cards(figures), headline(rest)],
    behind: [
      ...deep.map(([key, value]) => folded(humanize(key), () => drawValue(key, value, 1))),
      short.length > 0 && tags(short),
    ],
  };
}

/**
 * Draw a `final_report`.
 *
 * @param {object} payload the event's payload
 * @param {(ref: {file_id: string, bytes: number}) => Node} fileLink draws a link to a stored file
 * @returns {HTMLElement}
 */
export function drawReport(payload, fileLink) {
  const {
    report,
    executive_summary,
    recommendations = [],
    action_plan = [],
    cost_analysis,
  } = payload;
  const { seen, behind } = bodyOf(report);
  const cost = isEmpty(cost_analysis)
    ? null
    : drawValue("cost analysis", withCurrency(cost_analysis), 1);
  return h(
    "section",
    { class: "report", testid: "report", "aria-label": "Report" },
    h(
      "header",
      { class: "report-head" },
      h("h3", {}, "Report"),
      h(
        "button",
        { class: "ghost small", type: "button", on: { click: () => download(payload) } },
        icon("download"),
        "JSON",
      ),
    ),
    executive_summary && h("div", { class: "summary" }, prose(executive_summary)),
    payload.confidence != null && confidence(payload.confidence),
    seen,
    payload.report_ref && h("p", {}, fileLink(payload.report_ref)),
    advices("ul", "Recommendations", recommendations),
    advices("ol", "Action plan", action_plan),
    cost !== null && section("Cost analysis", cost),
    behind.some(Boolean) && section("Details", behind),
  );
}
