/** The parts of the page that need no browser: the session model, words, Markdown. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { chartable } from "../../netra_actors/web/static/chat/chart.js";
import { describeConnection } from "../../netra_actors/web/static/chat/connection-view.js";
import {
  formatBytes,
  formatDuration,
  formatValue,
  humanize,
  labelOf,
} from "../../netra_actors/web/static/chat/format.js";
import { blocks } from "../../netra_actors/web/static/chat/markdown.js";
import { titleOf } from "../../netra_actors/web/static/chat/sender.js";
import { SessionModel } from "../../netra_actors/web/static/chat/session.js";
import { RUN, event, fold } from "./doubles.mjs";

const message = (id, facts = {}) => ({
  message_id: id,
  thread_id: "thr_1",
  role: "user",
  content: id,
  created_at: 1,
  run_id: null,
  status: null,
  cut: false,
  ...facts,
});
const state = (
  messages,
  threads = [{ thread_id: "thr_1", title: "T", created_at: 1, updated_at: 1 }],
) => ({ threads, messages });

test("a conversation is messages, each followed by its runs and their answers", () => {
  const model = new SessionModel();
  fold(model.timelines, RUN);
  model.absorb(
    state([
      message("msg_1", { run_id: "run_1" }),
      message("run_1", { role: "agent", run_id: "run_1", created_at: 2, content: "Because" }),
      message("msg_2", { created_at: 3 }),
    ]),
  );
  assert.deepEqual(
    model.items("thr_1").map((item) => item.key),
    ["message msg_1", "run run_1", "message msg_2"],
  );
  assert.equal(model.items("thr_1")[1].answer.content, "Because");
});

test("what waits in the queue has no turn yet", () => {
  const model = new SessionModel();
  fold(model.timelines, [RUN[0], event(2, "run_queued", { place: 1 })]);
  model.absorb(state([message("msg_1", { run_id: "run_1" })]));
  assert.deepEqual(
    model.items("thr_1").map((item) => item.key),
    ["message msg_1"],
  );
});

test("a message on its way is last, until the log shows it; one that failed says why", () => {
  const model = new SessionModel();
  model.absorb(state([message("msg_1")]));
  model.send({ message_id: "msg_2", thread_id: "thr_1", content: "Two", created_at: 5 });
  assert.equal(model.messages("thr_1").at(-1).sending, true);
  model.failed("msg_2", new Error("queue_full"));
  assert.equal(model.messages("thr_1").at(-1).error.message, "queue_full");
  model.absorb(state([message("msg_1"), message("msg_2")]));
  assert.equal(model.messages("thr_1").filter((one) => one.message_id === "msg_2").length, 1);
});

test("a cut text never replaces a whole one, and a deleted thread's messages go", () => {
  const model = new SessionModel();
  model.merge([message("msg_1", { content: "the whole text" })]);
  model.absorb(state([message("msg_1", { content: "the", cut: true })]));
  assert.equal(model.messages("thr_1")[0].content, "the whole text");
  model.absorb(state([], []));
  assert.deepEqual(model.messages("thr_1"), []);
});

test("Markdown is split into blocks, and unfinished code is code", () => {
  const kinds = (text) => blocks(text).map((block) => block.kind);
  assert.deepEqual(
    kinds(
      "One\ntwo\n\n- a\n- b\n\n1. c\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> q\n\n---\n\n# H\ntext",
    ),
    ["paragraph", "list", "list", "table", "quote", "rule", "heading", "paragraph"],
  );
  assert.deepEqual(kinds("text\n```js\nlet a = 1;\n\n# not a heading"), ["paragraph", "code"]);
  assert.deepEqual(kinds("<script>alert(1)</script>"), ["paragraph"]);
  assert.deepEqual(blocks(""), []);
});

test("numbers read as their keys say", () => {
  assert.equal(formatValue("cost_usd", 1495), "$1,495");
  assert.equal(formatValue("cost_usd", 0.0123), "$0.0123");
  assert.equal(formatValue("p95_ms", 4_310), "4.3 s");
  assert.equal(formatValue("success_rate", 0.985), "98.5 %");
  assert.equal(formatValue("calls", 149_597), "149,597");
  assert.equal(formatValue("done", true), "Yes");
  assert.deepEqual(
    [formatDuration(59_700), formatDuration(61_000), formatDuration(90), formatBytes(1_536)],
    ["1 min 0 s", "1 min 1 s", "90 ms", "1.5 KiB"],
  );
  assert.deepEqual(
    [humanize("costPer_run"), labelOf("cost_per_day_usd")],
    ["Cost per run", "Cost per day"],
  );
});

test("a chart shows money first, and a series as a line", () => {
  assert.deepEqual(
    chartable([
      { feature: "a", calls: 3, cost_usd: 1 },
      { feature: "b", calls: 1, cost_usd: 2 },
    ]),
    { kind: "bar", key: "cost_usd", label: "feature" },
  );
  const days = Array.from({ length: 5 }, (_, day) => ({ day: `2026-11-0${day + 1}`, value: day }));
  assert.deepEqual(chartable(days), { kind: "line", key: "value", label: "day" });
  assert.equal(chartable([{ a: 1 }, { a: 2 }]), null);
  assert.equal(chartable([]), null);
});

test("a title is the message's beginning and ends with a word", () => {
  assert.equal(titleOf("Why did\n spend rise?"), "Why did spend rise?");
  assert.equal(
    titleOf("Why did our AI spend rise in the last two weeks, and what can we do"),
    "Why did our AI spend rise in the last two weeks, and what…",
  );
  assert.ok(titleOf("x".repeat(200)).length <= 60);
});

test("every state of the connection has words and says what can be done", () => {
  const world = { now: 1_000, online: true };
  const said = (status, more = {}) => {
    const { state: name, action } = describeConnection(
      { reason: "", code: null, retry_at: null, ...status },
      { ...world, ...more },
    );
    return [name, action];
  };
  assert.deepEqual(said({ status: "live" }), ["connected", null]);
  assert.deepEqual(said({ status: "waiting", retry_at: 3_500 }), ["reconnecting", "Reconnect now"]);
  assert.deepEqual(said({ status: "waiting", retry_at: 3_500 }, { online: false }), [
    "offline",
    "Reconnect now",
  ]);
  assert.deepEqual(said({ status: "stopped", reason: "limit" }), ["limit", "Reconnect now"]);
  assert.deepEqual(said({ status: "stopped", reason: "signed_out" }), ["expired", "Sign in"]);
  assert.equal(
    describeConnection({ status: "waiting", retry_at: 3_500 }, world).label,
    "Reconnecting in 3 s",
  );
});
