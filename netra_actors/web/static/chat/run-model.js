/** One run as the page shows it, and what each type of event does to it. Pure. */

const MAX_STEPS = 500;
const MAX_TEXT = 256 * 1024;

/** Terminal states of a run. */
export const CLOSED = new Set(["completed", "failed", "cancelled", "interrupted"]);

/** One run as the page shows it; `version` rises with every change in it or below it. */
export class RunView {
  version = 0;
  agent_name = "";
  status = "queued";
  place = null;
  started_at = null;
  ended_at = null;
  duration_ms = null;
  text = "";
  steps = [];
  dropped = 0;
  report = null;
  error = null;
  progress = null;
  terminal = null;
  cancelling = null;
  attempt = null;
  continues = null;
  /** What was asked, in full, with its files; the folded state cuts it and has no files. */
  question = null;
  attachments = null;
  /** True when it was taken from a snapshot, which has no details. */
  partial = false;

  constructor({ run_id, thread_id = null, message_id = null, parent_run_id = null }) {
    this.run_id = run_id;
    this.thread_id = thread_id;
    this.message_id = message_id;
    this.parent_run_id = parent_run_id;
  }

  /** Whether the run has no terminal yet. */
  get open() {
    return !CLOSED.has(this.status);
  }

  /** Steps of one kind, sub-runs' included. @param {string} kind */
  count(kind) {
    return this.steps.reduce(
      (sum, step) => sum + (step.kind === kind ? 1 : 0) + (step.run?.count(kind) ?? 0),
      0,
    );
  }

  add(step) {
    this.steps.push({ version: 0, ...step });
    if (this.steps.length > MAX_STEPS) {
      this.steps.shift();
      this.dropped += 1;
    }
  }
}

function change(step, facts) {
  Object.assign(step, facts);
  step.version += 1;
}

function tool(run, call_id) {
  return run.steps.find((step) => step.kind === "tool" && step.call_id === call_id);
}

/**
 * What each type of event does: `(run, payload, event, timelines) => void`.
 */
export const APPLY = {
  user_message: (run, payload) => {
    run.question = payload.content;
    run.attachments = payload.attachments ?? [];
  },
  run_queued: (run, payload) => {
    run.place = payload.place;
  },
  agent_started: (run, payload, event) => {
    run.agent_name = payload.agent_name;
    run.attempt = payload.attempt ?? null;
    run.continues = payload.continues ?? null;
    run.status = run.cancelling === null ? "running" : "cancelling";
    run.place = null;
    run.started_at = event.timestamp;
  },
  agent_thinking: (run, payload, event) =>
    run.add({ kind: "thinking", at: event.timestamp, ...payload }),
  tool_executing: (run, payload, event) =>
    run.add({ kind: "tool", status: "running", at: event.timestamp, ...payload }),
  tool_completed: (run, payload) => {
    const step = tool(run, payload.call_id);
    if (step !== undefined) change(step, { ...payload, duration_ms: payload.execution_time_ms });
  },
  partial_result: (run, payload) => {
    run.text += payload.content;
    if (run.text.length > MAX_TEXT) run.text = run.text.slice(-MAX_TEXT);
  },
  final_report: (run, payload) => {
    run.report = payload;
  },
  progress_update: (run, payload) => {
    run.progress = payload;
  },
  custom: (run, payload, event) => run.add({ kind: "custom", at: event.timestamp, ...payload }),
  agent_error: (run, payload) => {
    run.error = payload;
  },
  subagent_started: (run, payload, event, views) =>
    run.add({
      kind: "subagent",
      status: "running",
      at: event.timestamp,
      run_id: payload.subagent_run_id,
      name: payload.subagent_name,
      run: views.ensure({
        run_id: payload.subagent_run_id,
        parent_run_id: run.run_id,
        thread_id: run.thread_id,
      }),
    }),
  subagent_completed: (run, payload) => {
    const step = run.steps.find(
      (one) => one.kind === "subagent" && one.run_id === payload.subagent_run_id,
    );
    if (step !== undefined)
      change(step, { status: payload.status ?? "completed", duration_ms: payload.duration_ms });
  },
  run_cancelling: (run, payload) => {
    run.cancelling = payload;
    if (run.open) run.status = "cancelling";
  },
  run_superseded: (run, payload) => {
    run.cancelling = { by: "superseded", ...payload };
  },
  agent_completed: (run, payload, event) => {
    run.status = payload.status;
    run.terminal = payload;
    run.duration_ms = payload.duration_ms;
    run.ended_at = event.timestamp;
    run.place = null;
  },
};
