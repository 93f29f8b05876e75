/**
 * What the page shows of runs: every step with its details, in order, sub-runs inside their
 * parents. Richer than the client's folded state, which keeps only open runs. Pure.
 */

import { APPLY, RunView } from "./run-model.js";

const MAX_RUNS = 400;
const MAX_RECORDED = 20_000;

/** All runs that this tab knows, by id. */
export class Timelines {
  /** @type {Map<string, RunView>} */
  #runs = new Map();
  /** @type {Map<string, object[]>} live events of roots whose past is being loaded */
  #recording = new Map();

  /** @param {string} run_id @returns {RunView | undefined} */
  get(run_id) {
    return this.#runs.get(run_id);
  }

  /** Root runs, oldest first. @returns {RunView[]} */
  roots() {
    return [...this.#runs.values()].filter((run) => run.parent_run_id === null);
  }

  /** The view of a run, made if need be. */
  ensure(facts) {
    let run = this.#runs.get(facts.run_id);
    if (run === undefined) {
      run = new RunView(facts);
      this.#runs.set(run.run_id, run);
      this.#trim();
    }
    return run;
  }

  /** The outermost run above this one. @param {RunView} run */
  rootOf(run) {
    let root = run;
    for (let depth = 0; depth < 32 && root.parent_run_id !== null; depth++) {
      const parent = this.#runs.get(root.parent_run_id);
      if (parent === undefined) break;
      root = parent;
    }
    return root;
  }

  /**
   * Apply one event, merged or not.
   *
   * @param {object} event
   * @returns {RunView | null} the root run that changed
   */
  apply(event) {
    const apply = APPLY[event.type];
    if (apply === undefined || !event.run_id) return null;
    const run = this.ensure({
      run_id: event.run_id,
      thread_id: event.thread_id,
      message_id: event.message_id,
      parent_run_id: event.parent_run_id ?? null,
    });
    apply(run, event.payload ?? {}, event, this);
    this.#touch(run);
    const root = this.rootOf(run);
    const recorded = this.#recording.get(root.run_id);
    if (recorded !== undefined && recorded.length < MAX_RECORDED) recorded.push(event);
    return root;
  }

  /**
   * Take the open runs of a snapshot. What was open here before is dropped: the snapshot does
   * not say what happened to it meanwhile.
   *
   * @param {object[]} runs
   * @returns {string[]} ids of root runs whose details are worth loading
   */
  seed(runs) {
    const stale = this.roots()
      .filter((run) => run.open)
      .map((run) => run.run_id);
    for (const run_id of stale) this.#forget(run_id);
    for (const facts of runs) {
      const run = this.ensure({ parent_run_id: null, ...facts });
      const status = facts.state;
      Object.assign(run, {
        agent_name: facts.agent_name ?? "",
        status,
        place: facts.place ?? null,
        text: facts.text ?? "",
        partial: true,
      });
    }
    for (const facts of runs) this.#seedSteps(this.#runs.get(facts.run_id), facts.steps ?? []);
    const open = runs
      .filter((run) => (run.parent_run_id ?? null) === null)
      .map((run) => run.run_id);
    return [...new Set([...open, ...stale])];
  }

  #seedSteps(run, steps) {
    for (const step of steps) {
      const sub =
        step.kind === "subagent" ? this.#runs.get(step.call_id ?? step.run_id) : undefined;
      run.add({
        ...step,
        run: sub,
        run_id: step.kind === "subagent" ? (step.call_id ?? step.run_id) : undefined,
        thought: step.name ?? step.purpose,
        tool_name: step.name,
        tool_purpose: step.purpose,
      });
    }
  }

  /** From now on keep this root's live events, for `load`. @param {string} run_id */
  record(run_id) {
    this.#recording.set(run_id, []);
  }

  /** Forget what was kept: loading failed. @param {string} run_id */
  stopRecording(run_id) {
    this.#recording.delete(run_id);
  }

  /**
   * Replace a root run by its events from the log, and what came live since.
   *
   * @param {string} run_id
   * @param {object[]} events the run's events from its first on, sub-runs' included
   */
  load(run_id, events) {
    const live = this.#recording.get(run_id) ?? [];
    this.#recording.delete(run_id);
    if (events.length === 0) return;
    this.#forget(run_id);
    const last = events.at(-1).seq;
    for (const event of events) this.apply(event);
    for (const event of live) if (event.seq > last) this.apply(event);
  }

  #touch(run) {
    for (let one = run, depth = 0; one !== undefined && depth < 32; depth++) {
      one.version += 1;
      one = one.parent_run_id === null ? undefined : this.#runs.get(one.parent_run_id);
    }
  }

  #forget(run_id) {
    this.#runs.delete(run_id);
    for (const run of [...this.#runs.values()]) {
      if (run.parent_run_id === run_id) this.#forget(run.run_id);
    }
  }

  #trim() {
    if (this.#runs.size <= MAX_RUNS) return;
    const oldest = this.roots().find((run) => !run.open);
    if (oldest !== undefined) this.#forget(oldest.run_id);
  }
}
