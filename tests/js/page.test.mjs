/** The parts of the page that need no browser: timelines, the session model, words, Markdown. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { chartable } from "../../netra_actors/web/static/chat/chart.js";
import { describeConnection } from "../../netra_actors/web/static/chat/connection-view.js";
import { formatBytes, formatDuration, formatValue, humanize, labelOf } from "../../netra_actors/web/static/chat/format.js";
import { blocks } from "../../netra_actors/web/static/chat/markdown.js";
import { titleOf } from "../../netra_actors/web/static/chat/sender.js";
import { SessionModel } from "../../netra_actors/web/static/chat/session.js";
import { Timelines } from "../../netra_actors/web/static/chat/timeline.js";
import { event } from "./doubles.mjs";

const sub = { run_id: "run_2", parent_run_id: "run_1" };
const RUN = [
  event(1, "user_message", { content: "Why?", priority: "normal", policy: "enqueue" }),
  event(2, "agent_started", { agent_name: "analyst" }),
  event(3, "agent_thinking", { thought: "Reading", urgency: "low" }),
  event(4, "tool_executing", { call_id: "c1", tool_name: "load", tool_purpose: "read the log", parameters: { days: 14 } }),
  event(5, "subagent_started", { subagent_run_id: "run_2", subagent_name: "costs" }),
  event(6, "agent_started", { agent_name: "costs" }, sub),
  event(7, "agent_thinking", { thought: "Grouping", urgency: "low" }, sub),
  event(8, "tool_completed", { call_id: "c1", tool_name: "load", status: "success", result: 3, execution_time_ms: 12 }),
  event(9, "agent_completed", { status: "completed", duration_ms: 3, metrics: {} }, sub),
  event(10, "subagent_completed", { subagent_run_id: "run_2", subagent_name: "costs", status: "completed", duration_ms: 3 }),
  event(11, "partial_result", { content: "Be", is_complete: false }),
  event(12, "partial_result", { content: "cause", is_complete: true }),
  event(13, "final_report", { report: { cost_usd: 3 }, recommendations: [], action_plan: [], total_duration_ms: 9 }),
  event(14, "agent_completed", { status: "completed", final_response: "Because", duration_ms: 9, metrics: {} }),
];

const fold = (timelines, events) => events.forEach((one) => timelines.apply(one));
const shape = (run) => ({
  status: run.status, agent: run.agent_name, text: run.text, report: run.report, duration: run.duration_ms,
  steps: run.steps.map((step) => [step.kind, step.status, step.duration_ms, step.thought, step.run && shape(step.run)]),
});

test("a timeline holds every step, sub-runs inside their parent", () => {
  const timelines = new Timelines();
  fold(timelines, RUN);
  const run = timelines.get("run_1");
  assert.deepEqual(run.steps.map((step) => [step.kind, step.status]), [["thinking", undefined], ["tool", "success"], ["subagent", "completed"]]);
  assert.equal(run.steps[1].duration_ms, 12);
  assert.equal(run.steps[2].run, timelines.get("run_2"));
  assert.deepEqual([run.text, run.status, run.open, run.count("thinking")], ["Because", "completed", false, 2]);
  assert.deepEqual(timelines.roots(), [run]);
});

test("a change in a sub-run is a change of its parent", () => {
  const timelines = new Timelines();
  fold(timelines, RUN.slice(0, 6));
  const before = timelines.get("run_1").version;
  assert.equal(timelines.apply(RUN[6]).run_id, "run_1");
  assert.ok(timelines.get("run_1").version > before);
});

test("a timeline that is loaded while events come is the same as one that was seen whole", () => {
  const whole = new Timelines();
  fold(whole, RUN);
  for (let loaded = 1; loaded <= RUN.length; loaded++) {
    for (let live = 0; live <= RUN.length; live++) {
      const timelines = new Timelines();
      timelines.seed([{ run_id: "run_1", thread_id: "thr_1", parent_run_id: null, state: "running", agent_name: "analyst", text: "B", steps: [] }]);
      timelines.record("run_1");
      fold(timelines, RUN.slice(live));
      if (loaded < live) continue;
      timelines.load("run_1", RUN.slice(0, loaded));
      assert.deepEqual(shape(timelines.get("run_1")), shape(whole.get("run_1")), `loaded ${loaded}, live from ${live}`);
    }
  }
});

test("a snapshot replaces what was open and names what is worth loading", () => {
  const timelines = new Timelines();
  fold(timelines, RUN.slice(0, 4));
  const steps = [{ kind: "tool", call_id: "c9", name: "load", purpose: "read", status: "running", duration_ms: null }];
  const worth = timelines.seed([{ run_id: "run_9", thread_id: "thr_1", parent_run_id: null, message_id: "m", agent_name: "a", state: "running", place: null, text: "so far", steps }]);
  assert.deepEqual(worth, ["run_9", "run_1"]);
  assert.equal(timelines.get("run_1"), undefined);
  timelines.apply(event(99, "tool_completed", { call_id: "c9", tool_name: "load", status: "error", execution_time_ms: 5 }, { run_id: "run_9" }));
  assert.deepEqual([timelines.get("run_9").steps[0].status, timelines.get("run_9").text], ["error", "so far"]);
});

test("steps and text of a run are bounded", () => {
  const timelines = new Timelines();
  for (let seq = 1; seq <= 600; seq++) timelines.apply(event(seq, "agent_thinking", { thought: "t", urgency: "low" }));
  assert.deepEqual([timelines.get("run_1").steps.length, timelines.get("run_1").dropped], [500, 100]);
  for (let seq = 601; seq <= 620; seq++) timelines.apply(event(seq, "partial_result", { content: "x".repeat(20_000), is_complete: false }));
  assert.equal(timelines.get("run_1").text.length, 256 * 1024);
});

const message = (id, facts = {}) => ({ message_id: id, thread_id: "thr_1", role: "user", content: id, created_at: 1, run_id: null, status: null, cut: false, ...facts });
const state = (messages, threads = [{ thread_id: "thr_1", title: "T", created_at: 1, updated_at: 1 }]) => ({ threads, messages });

test("a conversation is messages, each followed by its runs and their answers", () => {
  const model = new SessionModel();
  fold(model.timelines, RUN);
  model.absorb(state([message("msg_1", { run_id: "run_1" }), message("run_1", { role: "agent", run_id: "run_1", created_at: 2, content: "Because" }), message("msg_2", { created_at: 3 })]));
  assert.deepEqual(model.items("thr_1").map((item) => item.key), ["message msg_1", "run run_1", "message msg_2"]);
  assert.equal(model.items("thr_1")[1].answer.content, "Because");
});

test("what waits in the queue has no turn yet", () => {
  const model = new SessionModel();
  fold(model.timelines, [RUN[0], event(2, "run_queued", { place: 1 })]);
  model.absorb(state([message("msg_1", { run_id: "run_1" })]));
  assert.deepEqual(model.items("thr_1").map((item) => item.key), ["message msg_1"]);
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
  assert.deepEqual(kinds("One\ntwo\n\n- a\n- b\n\n1. c\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> q\n\n---\n\n# H\ntext"), ["paragraph", "list", "list", "table", "quote", "rule", "heading", "paragraph"]);
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
  assert.deepEqual([formatDuration(59_700), formatDuration(61_000), formatDuration(90), formatBytes(1_536)], ["1 min 0 s", "1 min 1 s", "90 ms", "1.5 KiB"]);
  assert.deepEqual([humanize("costPer_run"), labelOf("cost_per_day_usd")], ["Cost per run", "Cost per day"]);
});

test("a chart shows money first, and a series as a line", () => {
  assert.deepEqual(chartable([{ feature: "a", calls: 3, cost_usd: 1 }, { feature: "b", calls: 1, cost_usd: 2 }]), { kind: "bar", key: "cost_usd", label: "feature" });
  const days = Array.from({ length: 5 }, (_, day) => ({ day: `2026-11-0${day + 1}`, value: day }));
  assert.deepEqual(chartable(days), { kind: "line", key: "value", label: "day" });
  assert.equal(chartable([{ a: 1 }, { a: 2 }]), null);
  assert.equal(chartable([]), null);
});

test("a title is the message's beginning and ends with a word", () => {
  assert.equal(titleOf("Why did\n spend rise?"), "Why did spend rise?");
  assert.equal(titleOf("Why did our AI spend rise in the last two weeks, and what can we do"), "Why did our AI spend rise in the last two weeks, and what…");
  assert.ok(titleOf("x".repeat(200)).length <= 60);
});

test("every state of the connection has words and says what can be done", () => {
  const world = { now: 1_000, online: true };
  const said = (status, more = {}) => {
    const { state: name, action } = describeConnection({ reason: "", code: null, retry_at: null, ...status }, { ...world, ...more });
    return [name, action];
  };
  assert.deepEqual(said({ status: "live" }), ["connected", null]);
  assert.deepEqual(said({ status: "waiting", retry_at: 3_500 }), ["reconnecting", "Reconnect now"]);
  assert.deepEqual(said({ status: "waiting", retry_at: 3_500 }, { online: false }), ["offline", "Reconnect now"]);
  assert.deepEqual(said({ status: "stopped", reason: "limit" }), ["limit", "Reconnect now"]);
  assert.deepEqual(said({ status: "stopped", reason: "signed_out" }), ["expired", "Sign in"]);
  assert.equal(describeConnection({ status: "waiting", retry_at: 3_500 }, world).label, "Reconnecting in 3 s");
});
