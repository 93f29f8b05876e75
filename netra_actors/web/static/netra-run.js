/** An open run inside the fold: its text and steps, each with a bound that holds at every step. */

import { TextTail, cut } from "./netra-text.js";

/** Names, purposes and titles are cut at this many characters. */
export const MAX_NAME_CHARS = 200;

const STEP = ["kind", "call_id", "name", "purpose", "status", "duration_ms"];
const RUN = ["run_id", "thread_id", "parent_run_id", "message_id", "agent_name", "state", "place"];

/**
 * Take the named fields of *source*; a missing one is null.
 *
 * @throws {TypeError} *source* is no object
 */
export function pick(source, names) {
  if (source === null || typeof source !== "object") throw new TypeError("a record is missing");
  return Object.fromEntries(names.map((name) => [name, source[name] ?? null]));
}

/** A run without its terminal, inside the fold. */
export class OpenRun {
  text = new TextTail();
  steps = [];

  constructor(facts) {
    Object.assign(this, facts);
  }

  static fromView(view) {
    const run = new OpenRun(pick(view, RUN));
    run.steps = view.steps.map((step) => pick(step, STEP));
    if (view.text !== "") run.text.append(view.text, Infinity);
    return run;
  }

  addStep(limit, { kind, name, call_id = null, purpose = null }) {
    this.steps.push({
      kind,
      call_id,
      name: cut(name, MAX_NAME_CHARS),
      purpose: purpose === null ? null : cut(purpose, MAX_NAME_CHARS),
      status: call_id === null ? "done" : "running",
      duration_ms: null,
    });
    this.keepSteps(limit);
  }

  endStep(call_id, status, duration_ms) {
    const step = this.steps.findLast((one) => one.call_id === call_id && one.status === "running");
    if (step !== undefined) Object.assign(step, { status, duration_ms: duration_ms ?? null });
  }

  keepSteps(limit) {
    if (this.steps.length > limit) this.steps.splice(0, this.steps.length - limit);
  }

  view() {
    return {
      ...pick(this, RUN),
      text: this.text.toString(),
      steps: this.steps.map((step) => ({ ...step })),
    };
  }
}
