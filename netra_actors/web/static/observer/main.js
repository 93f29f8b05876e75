/** Starts the observer page: what the service is doing, redrawn with every picture. */

import { Api } from "../chat/api.js";
import { Identity } from "../chat/auth.js";
import { setAttribute, setText } from "../chat/dom.js";
import { formatBytes, formatDuration, formatNumber } from "../chat/format.js";
import { Notices } from "../chat/notices.js";
import { setUpTheme } from "../chat/theme.js";
import { Feed } from "./feed.js";
import { LiveTable } from "./tables.js";
import { Tiles } from "./tiles.js";
import { TreeNode, toneOf } from "./tree.js";

const byId = (id) => document.getElementById(id);
const age = (row) => (row.age_s == null ? "–" : formatDuration(row.age_s * 1_000));
const state = {
  key: "state",
  label: "State",
  kind: "badge",
  tone: (row) => toneOf(row.state ?? ""),
};
const number = (key, label, extra = {}) => ({
  key,
  label,
  kind: "number",
  text: (row) => (row[key] == null ? "–" : formatNumber(row[key])),
  ...extra,
});
const above = (key, warn, bad) => (row) =>
  (row[key] ?? 0) >= bad ? "bad" : (row[key] ?? 0) >= warn ? "warn" : "";

const sessions = new LiveTable(byId("sessions"), {
  label: "Sessions",
  empty: "No session is open.",
  keyOf: (row) => row.user_id,
  columns: [
    { key: "user_id", label: "User", kind: "id" },
    state,
    number("head", "Head"),
    number("uncommitted", "Uncommitted", {
      text: (row) => formatNumber(Math.max(0, (row.head ?? 0) - (row.committed ?? row.head ?? 0))),
    }),
    number("mailbox", "Mailbox", { tone: above("mailbox", 16, 48) }),
    number("runs", "Runs"),
    number("queued", "Queued"),
    number("connections", "Connections"),
  ],
});
const runs = new LiveTable(byId("runs"), {
  label: "Runs",
  empty: "Nothing runs.",
  keyOf: (row) => row.run_id,
  columns: [
    { key: "run_id", label: "Run", kind: "id" },
    { key: "user_id", label: "User", kind: "id" },
    { key: "agent_name", label: "Agent" },
    state,
    number("age_s", "Age", { text: age }),
    number("events", "Events"),
  ],
});
const connections = new LiveTable(byId("connections"), {
  label: "Connections",
  empty: "Nobody is connected.",
  keyOf: (row) => row.connection_id,
  columns: [
    { key: "connection_id", label: "Connection", kind: "id" },
    { key: "user_id", label: "User", kind: "id" },
    { key: "device", label: "Device" },
    number("lag", "Lag", { tone: above("lag", 100, 1_000) }),
    number("sent", "Sent"),
    number("tail_bytes", "Unsent", {
      text: (row) => (row.tail_bytes == null ? "–" : formatBytes(row.tail_bytes)),
      tone: above("tail_bytes", 65_536, 524_288),
    }),
    number("age_s", "Age", { text: age }),
  ],
});
const missing = new LiveTable(byId("missing"), {
  label: "Missing events",
  empty: "Every run that completed sent what its agent promises.",
  keyOf: (row) => row.run_id,
  columns: [
    { key: "run_id", label: "Run", kind: "id" },
    { key: "agent_name", label: "Agent" },
    {
      key: "missing",
      label: "Missing",
      text: (row) => (row.missing ?? []).join(", "),
      tone: () => "warn",
    },
  ],
});
const watch = new LiveTable(byId("watch"), {
  label: "Watched",
  empty: "",
  keyOf: (row) => JSON.stringify(row),
  columns: [
    {
      key: "text",
      label: "What",
      text: (row) =>
        typeof row === "string"
          ? row
          : Object.entries(row)
              .map(
                ([key, value]) =>
                  `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`,
              )
              .join(" · "),
    },
  ],
});
const tiles = new Tiles(byId("tiles"));
const root = new TreeNode();
byId("tree").append(Object.assign(document.createElement("ul"), { className: "tree" }));
byId("tree").firstChild.append(root.element);

function draw(picture) {
  tiles.update(picture);
  if (picture.tree) root.update(picture.tree);
  sessions.update(picture.sessions ?? []);
  runs.update(picture.runs ?? []);
  connections.update(picture.connections ?? []);
  missing.update(picture.missing_events ?? []);
  watch.update(picture.watch ?? []);
  byId("watch-panel").hidden = (picture.watch ?? []).length === 0;
  const uptime = picture.uptime_s == null ? "" : `up ${formatDuration(picture.uptime_s * 1_000)}`;
  setText(
    byId("about"),
    [picture.version && `version ${picture.version}`, uptime].filter(Boolean).join(" · "),
  );
}

setUpTheme(byId("theme"));
const base = new URL(".", document.baseURI);
const identity = new Identity(base);
const notices = new Notices({ box: byId("notices"), announcer: byId("notices") });
const feed = new Feed(base, new Api(base, () => identity.token()), {
  picture: draw,
  state: (name, text) => {
    setAttribute(byId("connection"), "data-state", name);
    setText(byId("connection-label"), text);
    byId("retry").hidden = name !== "reconnecting" && name !== "stopped";
  },
  refused: (error) => {
    setAttribute(byId("connection"), "data-state", "stopped");
    setText(byId("connection-label"), "Not allowed");
    byId("retry").hidden = false;
    notices.problem(error);
  },
});
byId("retry").addEventListener("click", () => feed.start());
feed.start();
