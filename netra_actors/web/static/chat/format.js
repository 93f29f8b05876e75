/** How numbers, spans of time and instants read on the page. Pure. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const small = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** Write a number with as many digits as it deserves. @param {number} value */
export function formatNumber(value) {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) || Math.abs(value) >= 1_000) return whole.format(value);
  return (Math.abs(value) >= 1 ? fine : small).format(value);
}

/** Write milliseconds as people say them. @param {number} ms */
export function formatDuration(ms) {
  if (!Number.isFinite(ms) || ms < 0) return "";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? `${hours} h ${minutes % 60} min`
    : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Write a number of bytes. @param {number} bytes */
export function formatBytes(bytes) {
  if (!(bytes >= 1_024)) return `${bytes} B`;
  const kib = bytes / 1_024;
  return kib < 1_024
    ? `${fine.format(Math.round(kib * 10) / 10)} KiB`
    : `${fine.format(Math.round(kib / 102.4) / 10)} MiB`;
}

/** Write an instant: the time today, the date before. @param {number} at @param {number} now */
export function formatInstant(at, now) {
  const when = new Date(at);
  const today = new Date(now).toDateString() === when.toDateString();
  if (today) return when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const sameYear = new Date(now).getFullYear() === when.getFullYear();
  const year = sameYear ? undefined : "numeric";
  return when.toLocaleDateString([], { day: "numeric", month: "short", year });
}

/** "3 tools", "1 tool". */
export function plural(count, noun) {
  return `${whole.format(count)} ${noun}${count === 1 ? "" : "s"}`;
}

const ACRONYMS = new Set([
  "id",
  "url",
  "api",
  "cpu",
  "csv",
  "sla",
  "ai",
  "p50",
  "p90",
  "p95",
  "p99",
  "usd",
]);

/** Turn a key such as `cost_per_run_usd` into words. @param {string} key */
export function humanize(key) {
  const words = key
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .split(/[\s_\-.]+/)
    .filter((word) => word !== "");
  const text = words.map((word) =>
    ACRONYMS.has(word.toLowerCase()) ? word.toUpperCase() : word.toLowerCase(),
  );
  const sentence = text.join(" ");
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

const HINTS = [
  [/_ms$/i, (value) => formatDuration(value)],
  [/_(s|seconds)$/i, (value) => formatDuration(value * 1_000)],
  [/_bytes$|^bytes$/i, (value) => formatBytes(value)],
  [/(^|_)(usd|dollars)(_|$)/i, (value) => money(value, "USD")],
  [/(^|_)eur(_|$)/i, (value) => money(value, "EUR")],
  [/_(percentage|percent|pct)$|^(percentage|percent|pct)$/i, (value) => `${formatNumber(value)} %`],
  [/confidence$|(^|_)(ratio|share|rate)$/i, (value) => ratio(value)],
  [/_at$|^timestamp$/i, (value) => instant(value)],
  [/(^|_)year$/i, (value) => String(value)],
];

function ratio(value) {
  return Math.abs(value) <= 1
    ? `${formatNumber(Math.round(value * 1_000) / 10)} %`
    : formatNumber(value);
}

/** Seconds or milliseconds since 1970, whichever makes a date of our time. */
function instant(value) {
  const ms = value < 1e11 ? value * 1_000 : value;
  if (!(ms > 1e11 && ms < 1e13)) return formatNumber(value);
  return new Date(ms).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

function money(value, currency) {
  const digits = Math.abs(value) >= 1_000 || Number.isInteger(value) ? 0 : 2;
  const style = {
    style: "currency",
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: Math.abs(value) < 0.1 && value !== 0 ? 4 : digits,
  };
  return new Intl.NumberFormat("en", style).format(value);
}

const UNIT = /_(ms|s|seconds|bytes|percentage|percent|pct)$|_(usd|eur|dollars)(?=_|$)/i;

/** The words for a key whose unit stands with its value. @param {string} key */
export function labelOf(key) {
  return humanize(key.replace(UNIT, "") || key);
}

/** Write a value under its key, whose end tells the unit. */
export function formatValue(key, value) {
  if (typeof value === "number") {
    const hint = HINTS.find(([pattern]) => pattern.test(key));
    return hint === undefined ? formatNumber(value) : hint[1](value);
  }
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "Yes" : "No";
  return String(value);
}
