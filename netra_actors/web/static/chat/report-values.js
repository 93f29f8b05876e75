/** Any JSON value as a person reads it: cards for numbers, tables for rows, charts, lists. */

import { barChart, chartable, fitted, lineChart } from "./chart.js";
import { h } from "./dom.js";
import { formatNumber, formatValue, humanize, labelOf, plural } from "./format.js";
import { drawMarkdown } from "./markdown.js";

const FEW_ROWS = 8;
const MAX_ROWS = 200;
const MAX_COLUMNS = 7;
const MAX_DEPTH = 4;
const LONG_TEXT = 60;

/** Whether a value is a JSON object. */
export const isRecord = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value);
const isScalar = (value) => value === null || typeof value !== "object";

/** Whether a text is a sentence rather than a word. */
export const isLong = (value) => typeof value === "string" && value.length > LONG_TEXT;

/** Whether there is anything to show in a value. */
export function isEmpty(value) {
  if (value === null || value === undefined || value === "") return true;
  return (
    typeof value === "object" &&
    Object.values(value).every((one) => typeof one === "object" && isEmpty(one))
  );
}

/** Draw Markdown. @param {string} text */
export function prose(text) {
  const box = h("div", { class: "prose" });
  drawMarkdown(box, text);
  return box;
}

/** Numbers as cards. @param {[string, number][]} entries */
export function cards(entries) {
  return h(
    "dl",
    { class: "cards" },
    entries.map(([key, value]) =>
      h(
        "div",
        { class: "card" },
        h("dt", { title: labelOf(key) }, labelOf(key)),
        h("dd", {}, formatValue(key, value)),
      ),
    ),
  );
}

/** Short facts in one line. @param {[string, unknown][]} entries */
export function tags(entries) {
  return h(
    "p",
    { class: "tags" },
    entries.map(([key, value]) =>
      h("span", { class: "tag" }, `${labelOf(key)} `, h("b", {}, formatValue(key, value))),
    ),
  );
}

function cellText(key, value) {
  if (isScalar(value)) return formatValue(key, value);
  if (!Array.isArray(value))
    return Object.entries(value)
      .filter(([, one]) => isScalar(one))
      .map(([inner, one]) => `${labelOf(inner)} ${formatValue(inner, one)}`)
      .join(", ");
  if (value.every(isScalar)) return value.map((one) => formatValue(key, one)).join(", ");
  return formatNumber(value.length);
}

function columnsOf(rows) {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((key) =>
    rows.some((row) => !isEmpty(row[key])),
  );
  const plain = keys.filter((key) => rows.every((row) => isScalar(row[key] ?? null)));
  const rest = keys.filter((key) => !plain.includes(key));
  return [...plain, ...rest].slice(0, MAX_COLUMNS);
}

function table(name, rows) {
  const keys = columnsOf(rows);
  const numeric = new Set(
    keys.filter((key) => rows.every((row) => typeof row[key] === "number" || row[key] == null)),
  );
  const wordy = new Set(
    keys.filter((key) => rows.some((row) => cellText(key, row[key] ?? null).length > 28)),
  );
  const cell = (tag, key, text) =>
    h(
      tag,
      {
        class: numeric.has(key) ? "number" : wordy.has(key) ? "wordy" : null,
        scope: tag === "th" ? "col" : null,
      },
      text,
    );
  const draw = (row) =>
    h(
      "tr",
      {},
      keys.map((key) => cell("td", key, cellText(key, row[key] ?? null))),
    );
  const body = h("tbody", {}, rows.slice(0, FEW_ROWS).map(draw));
  const more = h(
    "button",
    { class: "ghost small more-rows", type: "button" },
    `Show all ${plural(rows.length, "row")}`,
  );
  more.addEventListener("click", () => {
    body.append(...rows.slice(FEW_ROWS, MAX_ROWS).map(draw));
    more.remove();
  });
  return [
    h(
      "div",
      { class: "table-scroll", tabindex: "0", role: "region", "aria-label": name },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            keys.map((key) => cell("th", key, labelOf(key))),
          ),
        ),
        body,
      ),
    ),
    rows.length > FEW_ROWS && more,
  ];
}

/**
 * A chart of rows, if there is one in them.
 *
 * @param {string} name what the rows are
 * @param {Record<string, any>[]} rows
 * @returns {HTMLElement | null}
 */
export function chartOf(name, rows) {
  const found = chartable(rows);
  if (found === null) return null;
  const points = rows.map((row) => ({
    label: String(row[found.label]),
    value: row[found.key],
    text: formatValue(found.key, row[found.key]),
  }));
  const caption = `${name}: ${labelOf(found.key).toLowerCase()}`;
  const draw = found.kind === "line" ? lineChart : barChart;
  return h(
    "figure",
    { class: "figure" },
    h("figcaption", {}, caption),
    fitted(draw, points, caption),
  );
}

function list(key, values) {
  if (values.some(isLong))
    return h(
      "ul",
      { class: "bullets" },
      values.map((value) => h("li", {}, formatValue(key, value))),
    );
  return h(
    "p",
    { class: "words" },
    values.map((value) => h("span", { class: "badge" }, formatValue(key, value))),
  );
}

function raw(content) {
  return h("pre", { tabindex: "0" }, h("code", {}, JSON.stringify(content, null, 2)));
}

/** Turn a record of records into rows, each with its key as its name; null if it is none. */
function rowsOf(record) {
  const entries = Object.entries(record);
  if (entries.length < 2 || !entries.every(([, one]) => isRecord(one))) return null;
  const shapes = new Set(entries.map(([, one]) => Object.keys(one).sort().join()));
  return shapes.size === 1 ? entries.map(([name, one]) => ({ name, ...one })) : null;
}

/**
 * Draw a value.
 *
 * @param {string} key under which it stands; its end tells the unit
 * @param {unknown} content
 * @param {number} depth 0 at the top
 * @returns {(Node | null | false | Array)[] | Node | null}
 */
export function drawValue(key, content, depth = 0) {
  if (isEmpty(content)) return null;
  if (Array.isArray(content)) {
    if (content.every(isRecord))
      return [chartOf(humanize(key), content), table(humanize(key), content)];
    return content.every(isScalar) ? list(key, content) : raw(content);
  }
  if (!isRecord(content))
    return isLong(content) ? prose(content) : h("p", {}, formatValue(key, content));
  if (depth >= MAX_DEPTH) return raw(content);
  const rows = rowsOf(content);
  return rows === null ? drawRecord(content, depth) : drawValue(key, rows, depth);
}

function drawRecord(content, depth) {
  const entries = Object.entries(content).filter(([, one]) => !isEmpty(one));
  const numbers = entries.filter(([, one]) => typeof one === "number");
  const words = entries.filter(
    ([, one]) => ["string", "boolean"].includes(typeof one) && !isLong(one),
  );
  const rest = entries.filter(([, one]) => !isScalar(one) || isLong(one));
  return [
    words.length > 0 && tags(words),
    numbers.length > 0 && cards(numbers),
    rest.map(([key, one]) =>
      h(
        "section",
        { class: "report-part" },
        h("h5", {}, humanize(key)),
        drawValue(key, one, depth + 1),
      ),
    ),
  ];
}
