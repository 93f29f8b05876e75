/**
 * A small, safe Markdown: paragraphs, headings, lists, quotes, code, tables, bold, italic and
 * links to http(s). Parsed into blocks, drawn as DOM nodes; markup in the text stays text.
 */

import { h } from "./dom.js";

const INLINE =
  /(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)|\*\*(?=\S)([\s\S]*?\S)\*\*|\*(?=[^\s*])([^*]*[^\s*])\*|\[([^\]\n]{1,200})\]\((https?:\/\/[^\s()<>]{1,2000})\)/;
const MAX_INLINE_DEPTH = 4;
const LIST_ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;
const TABLE_RULE = /^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$/;

/** Draw text with bold, italic, code and links. @returns {(Node | string)[]} */
export function inline(text, depth = 0) {
  const parts = [];
  let rest = text;
  while (rest !== "") {
    const match = depth < MAX_INLINE_DEPTH ? INLINE.exec(rest) : null;
    if (match === null) break;
    if (match.index > 0) parts.push(rest.slice(0, match.index));
    const [whole, , code, bold, italic, label, address] = match;
    if (code !== undefined) parts.push(h("code", {}, code.trim()));
    else if (bold !== undefined) parts.push(h("strong", {}, inline(bold, depth + 1)));
    else if (italic !== undefined) parts.push(h("em", {}, inline(italic, depth + 1)));
    else parts.push(link(label, address));
    rest = rest.slice(match.index + whole.length);
  }
  if (rest !== "") parts.push(rest);
  return parts;
}

function link(label, address) {
  return h("a", { href: address, rel: "noopener noreferrer nofollow", target: "_blank" }, label);
}

function blockKind(line) {
  if (/^\s*```/.test(line)) return "code";
  if (/^#{1,6}\s/.test(line)) return "heading";
  if (/^\s*>/.test(line)) return "quote";
  if (/^\s*(?:-{3,}|\*{3,}|_{3,})\s*$/.test(line)) return "rule";
  if (LIST_ITEM.test(line)) return "list";
  return "paragraph";
}

/**
 * Split text into blocks, each the source of one element.
 *
 * @param {string} text
 * @returns {{kind: string, source: string}[]}
 */
export function blocks(text) {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const found = [];
  let index = 0;
  while (index < lines.length) {
    if (lines[index].trim() === "") {
      index += 1;
      continue;
    }
    const tabled = lines[index].includes("|") && TABLE_RULE.test(lines[index + 1] ?? "");
    const kind = tabled ? "table" : blockKind(lines[index]);
    const end = blockEnd(lines, index, kind);
    found.push({ kind, source: lines.slice(index, end).join("\n") });
    index = end;
  }
  return found;
}

function blockEnd(lines, start, kind) {
  if (kind === "heading" || kind === "rule") return start + 1;
  let end = start + 1;
  if (kind === "code") {
    while (end < lines.length && !/^\s*```\s*$/.test(lines[end])) end += 1;
    return Math.min(end + 1, lines.length);
  }
  while (end < lines.length && lines[end].trim() !== "" && continues(lines[end], kind)) end += 1;
  return end;
}

function continues(line, kind) {
  const next = blockKind(line);
  if (kind === "table") return line.includes("|");
  if (kind === "list") return next === "list" || /^\s{2,}/.test(line);
  if (kind === "quote") return next === "quote";
  return next === "paragraph";
}

function cells(line) {
  return line
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => cell.trim());
}

function drawTable(source) {
  const [head, , ...rows] = source.split("\n").map(cells);
  const numeric = head.map((_, column) =>
    rows.every((row) => /^[-+$€]?[\d.,\s]+%?$/.test(row[column] ?? "")),
  );
  const cell = (tag, text, column) =>
    h(tag, { class: numeric[column] ? "number" : null }, inline(text));
  return h(
    "div",
    { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Table" },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          head.map((text, column) => cell("th", text, column)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((row) =>
          h(
            "tr",
            {},
            head.map((_, column) => cell("td", row[column] ?? "", column)),
          ),
        ),
      ),
    ),
  );
}

function drawList(source) {
  const roots = [];
  const open = [];
  for (const line of source.split("\n")) {
    const match = LIST_ITEM.exec(line);
    if (match === null) {
      open.at(-1)?.item.append(" ", ...inline(line.trim()));
      continue;
    }
    const [, indent, number, text] = match;
    while (open.length > 0 && open.at(-1).indent > indent.length) open.pop();
    if (open.length === 0 || open.at(-1).indent < indent.length) {
      const list = h(number === undefined ? "ul" : "ol", number > 1 ? { start: number } : {});
      if (open.length === 0) roots.push(list);
      else open.at(-1).item.append(list);
      open.push({ indent: indent.length, list, item: null });
    }
    const item = h("li", {}, inline(text));
    open.at(-1).list.append(item);
    open.at(-1).item = item;
  }
  return roots.length === 1 ? roots[0] : h("div", {}, roots);
}

function draw({ kind, source }) {
  switch (kind) {
    case "code": {
      const body = source.replace(/^[^\n]*\n?/, "").replace(/\n?\s*```\s*$/, "");
      return h("pre", { tabindex: "0" }, h("code", {}, body));
    }
    case "heading": {
      const level = Math.min(6, /^#+/.exec(source)[0].length + 2);
      return h(`h${level}`, {}, inline(source.replace(/^#+\s+/, "").replace(/\s+#+\s*$/, "")));
    }
    case "quote":
      return h("blockquote", {}, inline(source.replace(/^\s*>\s?/gm, "")));
    case "rule":
      return h("hr");
    case "list":
      return drawList(source);
    case "table":
      return drawTable(source);
    default:
      return h("p", {}, inline(source));
  }
}

const drawn = new WeakMap();

/**
 * Draw *text* into *parent*. Drawing a longer version of the same text keeps the elements of
 * the blocks that have not changed.
 *
 * @param {Element} parent
 * @param {string} text
 */
export function drawMarkdown(parent, text) {
  const wanted = blocks(text);
  const have = [...parent.children];
  wanted.forEach((block, index) => {
    const key = `${block.kind}\n${block.source}`;
    const old = have[index];
    if (old !== undefined && drawn.get(old) === key) return;
    const node = draw(block);
    drawn.set(node, key);
    if (old === undefined) parent.append(node);
    else old.replaceWith(node);
  });
  for (const spare of have.slice(wanted.length)) spare.remove();
}
