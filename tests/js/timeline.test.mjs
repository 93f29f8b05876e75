/** Timelines: what the page shows of runs. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Timelines } from "../../netra_actors/web/static/chat/timeline.js";
import { event, fold, RUN } from "./doubles.mjs";

const shape = (run) => ({
  status: run.status,
  agent: run.agent_name,
  text: run.text,
  report: run.report,
  duration: run.duration_ms,
  steps: run.steps.map((step) => [
    step.kind,
    step.status,
    step.duration_ms,
    step.thought,
    step.run && shape(step.run),
  ]),
});

test("a timeline holds every step, sub-runs inside their parent", () => {
  const timelines = new Timelines();
  fold(timelines, RUN);
  const run = timelines.get("run_1");
  assert.deepEqual(
    run.steps.map((step) => [step.kind, step.status]),
    [
      ["thinking", undefined],
      ["tool", "success"],
      ["subagent", "completed"],
    ],
  );
  assert.equal(run.steps[1].duration_ms, 12);
  assert.equal(run.steps[2].run, timelines.get("run_2"));
  assert.deepEqual(
    [run.text, run.status, run.open, run.count("thinking")],
    ["Because", "completed", false, 2],
  );
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
      timelines.seed([
        {
          run_id: "run_1",
          thread_id: "thr_1",
          parent_run_id: null,
          state: "running",
          agent_name: "analyst",
          text: "B",
          steps: [],
        },
      ]);
      timelines.record("run_1");
      fold(timelines, RUN.slice(live));
      if (loaded < live) continue;
      timelines.load("run_1", RUN.slice(0, loaded));
      assert.deepEqual(
        shape(timelines.get("run_1")),
        shape(whole.get("run_1")),
        `loaded ${loaded}, live from ${live}`,
      );
    }
  }
});

test("a snapshot replaces what was open and names what is worth loading", () => {
  const timelines = new Timelines();
  fold(timelines, RUN.slice(0, 4));
  const steps = [
    {
      kind: "tool",
      call_id: "c9",
      name: "load",
      purpose: "read",
      status: "running",
      duration_ms: null,
    },
  ];
  const worth = timelines.seed([
    {
      run_id: "run_9",
      thread_id: "thr_1",
      parent_run_id: null,
      message_id: "m",
      agent_name: "a",
      state: "running",
      place: null,
      text: "so far",
      steps,
    },
  ]);
  assert.deepEqual(worth, ["run_9", "run_1"]);
  assert.equal(timelines.get("run_1"), undefined);
  timelines.apply(
    event(
      99,
      "tool_completed",
      { call_id: "c9", tool_name: "load", status: "error", execution_time_ms: 5 },
      { run_id: "run_9" },
    ),
  );
  assert.deepEqual(
    [timelines.get("run_9").steps[0].status, timelines.get("run_9").text],
    ["error", "so far"],
  );
});

test("steps and text of a run are bounded", () => {
  const timelines = new Timelines();
  for (let seq = 1; seq <= 600; seq++)
    timelines.apply(event(seq, "agent_thinking", { thought: "t", urgency: "low" }));
  assert.deepEqual(
    [timelines.get("run_1").steps.length, timelines.get("run_1").dropped],
    [500, 100],
  );
  for (let seq = 601; seq <= 620; seq++)
    timelines.apply(
      event(seq, "partial_result", { content: "x".repeat(20_000), is_complete: false }),
    );
  assert.equal(timelines.get("run_1").text.length, 256 * 1024);
});
