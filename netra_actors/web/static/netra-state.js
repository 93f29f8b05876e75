/**
 * The fold: what a session looks like after its events. Every bound is applied after every
 * event, as a function of the state and the event alone, so the fold of a snapshot and the
 * tail after it is the fold of the whole log, wherever the snapshot was taken. The service
 * folds by the same rules; both are checked against the same vectors.
 */

import { MAX_NAME_CHARS, OpenRun, pick } from "./netra-run.js";
import { compareText, cut, cutBytes } from "./netra-text.js";

const MAX_THREADS = 100;
const MAX_MESSAGES = 50;
const MAX_CONTENT_BYTES = 4_096;
/** Open runs; what would be one more is not tracked. */
const MAX_RUNS = 200;
/** A sub-run is tracked only while fewer runs than these are. */
const MAX_SUBRUN_RUNS = 100;
/** Of all started runs together; one has at most a quarter of it. */
const ALL_TEXT_BYTES = 262_144;
/** Of all started runs together; one has at most a tenth of them. */
const ALL_STEPS = 1_000;

/**
 * A thread, a message and an open run as a snapshot carries them; every key is always there,
 * null where it has nothing to say.
 *
 * @typedef {{thread_id: string, title: string, created_at: number, updated_at: number}} Thread
 * @typedef {{message_id: string, thread_id: string | null, role: "user" | "agent",
 *   content: string, created_at: number, run_id: string | null, status: string | null,
 *   cut: boolean}} Message
 * @typedef {{kind: "thinking" | "tool" | "subagent", call_id: string | null, name: string,
 *   purpose: string | null, status: string, duration_ms: number | null}} Step
 * @typedef {{run_id: string, thread_id: string | null, parent_run_id: string | null,
 *   message_id: string | null, agent_name: string | null,
 *   state: "queued" | "running" | "cancelling", place: number | null, text: string,
 *   steps: Step[]}} Run
 */

const THREAD = ["thread_id", "title", "created_at", "updated_at"];
const MESSAGE = [
  "message_id",
  "thread_id",
  "role",
  "content",
  "created_at",
  "run_id",
  "status",
  "cut",
];

/** Order of threads: the most recently updated first. */
function byAge(one, other) {
  return other.updated_at - one.updated_at || compareText(other.thread_id, one.thread_id);
}

/** What each type of event does to the state; set below, where private fields are in reach. */
let STEPS;

/** One session's threads, newest messages and open runs. */
export class State {
  /** seq of the last event; events come in order and without holes. */
  applied = 0;
  /** @type {Map<string, Thread>} */
  #threads = new Map();
  /** @type {Message[]} */
  #messages = [];
  /** @type {Map<string, OpenRun>} */
  #runs = new Map();
  #textBytes = ALL_TEXT_BYTES / 4;
  #steps = ALL_STEPS / 10;

  /** The newest 100 threads, the most recently updated first. @returns {Thread[]} */
  get threads() {
    return [...this.#threads.values()].sort(byAge).map((thread) => ({ ...thread }));
  }

  /** The newest 50 messages, oldest first. @returns {Message[]} */
  get messages() {
    return this.#messages.map((message) => ({ ...message }));
  }

  /** The open runs, in the order of their introduction. @returns {Run[]} */
  get runs() {
    return [...this.#runs.values()].map((run) => run.view());
  }

  /** Take the next event, single or merged; one that shows nothing moves `applied` only. */
  apply(event) {
    this.applied = event.seq;
    if (Object.hasOwn(STEPS, event.type)) STEPS[event.type](this, event, event.payload);
  }

  /** The state as JSON values, shared with nothing. */
  snapshot() {
    return { threads: this.threads, messages: this.messages, runs: this.runs };
  }

  /**
   * The state that `snapshot` returned when `applied` was *at*.
   *
   * @param {{threads: Thread[], messages: Message[], runs: Run[]}} state
   * @param {number} at
   * @throws {TypeError} *state* is none
   */
  static fromSnapshot(state, at = 0) {
    const made = new State();
    made.applied = at;
    for (const thread of state.threads) made.#threads.set(thread.thread_id, pick(thread, THREAD));
    made.#messages = state.messages.slice(-MAX_MESSAGES).map((one) => pick(one, MESSAGE));
    for (const run of state.runs) made.#runs.set(run.run_id, OpenRun.fromView(run));
    made.#shareOut();
    return made;
  }

  /**
   * Give every started run an equal part of the text and steps that all may have. The part
   * depends on how many have started, not on what they said, so merged partials fold to the
   * same as single ones.
   */
  #shareOut() {
    let started = 0;
    for (const run of this.#runs.values()) if (run.agent_name !== null) started += 1;
    this.#textBytes = Math.floor(ALL_TEXT_BYTES / Math.max(4, started));
    this.#steps = Math.floor(ALL_STEPS / Math.max(10, started));
    for (const run of this.#runs.values()) {
      run.text.keep(this.#textBytes);
      run.keepSteps(this.#steps);
    }
  }

  #addThread({ timestamp }, thread_id, title) {
    const thread = {
      thread_id,
      title: cut(title, MAX_NAME_CHARS),
      created_at: timestamp,
      updated_at: timestamp,
    };
    this.#threads.set(thread_id, thread);
    if (this.#threads.size <= MAX_THREADS) return;
    this.#threads.delete([...this.#threads.values()].sort(byAge).at(-1).thread_id);
  }

  #touch({ thread_id, timestamp }) {
    const thread = this.#threads.get(thread_id);
    if (thread !== undefined) thread.updated_at = Math.max(thread.updated_at, timestamp);
  }

  #say(event, { role, message_id, content, status = null, more = false }) {
    const shown = cutBytes(content, MAX_CONTENT_BYTES);
    this.#messages.push({
      message_id: message_id ?? "",
      thread_id: event.thread_id ?? null,
      role,
      content: shown,
      created_at: event.timestamp,
      run_id: event.run_id ?? null,
      status,
      cut: more || shown.length < content.length,
    });
    if (this.#messages.length > MAX_MESSAGES) this.#messages.shift();
  }

  #introduce(event, run_id, parent_run_id) {
    const limit = parent_run_id === null ? MAX_RUNS : MAX_SUBRUN_RUNS;
    if (run_id === null || this.#runs.has(run_id) || this.#runs.size >= limit) return;
    const { thread_id = null, message_id = null } = event;
    const facts = { run_id, thread_id, parent_run_id, message_id };
    this.#runs.set(
      run_id,
      new OpenRun({ ...facts, agent_name: null, state: "queued", place: null }),
    );
  }

  #leaveQueue(run) {
    if (run.place === null) return;
    for (const other of this.#runs.values()) {
      if (other.place !== null && other.place > run.place) other.place -= 1;
    }
    run.place = null;
  }

  static {
    const onRun = (step) => (state, event, payload) => {
      const run = state.#runs.get(event.run_id);
      if (run !== undefined) step(state, run, payload, event);
    };
    const addStep = (facts) =>
      onRun((state, run, payload) => run.addStep(state.#steps, facts(payload)));
    STEPS = {
      thread_created: (state, event, { title }) => {
        if (event.thread_id != null) state.#addThread(event, event.thread_id, title);
      },
      thread_renamed: (state, event, { title }) => {
        const thread = state.#threads.get(event.thread_id);
        if (thread !== undefined) thread.title = cut(title, MAX_NAME_CHARS);
      },
      thread_deleted: (state, event) => {
        const { thread_id = null } = event;
        state.#threads.delete(thread_id);
        state.#messages = state.#messages.filter((message) => message.thread_id !== thread_id);
        for (const run of [...state.#runs.values()].filter((one) => one.thread_id === thread_id)) {
          state.#leaveQueue(run);
          state.#runs.delete(run.run_id);
        }
        state.#shareOut();
      },
      user_message: (state, event, { content }) => {
        const { thread_id, message_id } = event;
        // It was too long ago to be remembered; its title is in the record alone.
        if (thread_id != null && !state.#threads.has(thread_id))
          state.#addThread(event, thread_id, "");
        state.#touch(event);
        state.#say(event, { role: "user", message_id, content });
        state.#introduce(event, event.run_id ?? null, null);
      },
      run_queued: onRun((state, run, { place }) => {
        run.place = place;
      }),
      run_cancelling: onRun((state, run) => {
        run.state = "cancelling";
      }),
      agent_started: (state, event, { agent_name }) => {
        // A run that continues another has no user_message of its own.
        state.#introduce(event, event.run_id ?? null, event.parent_run_id ?? null);
        const run = state.#runs.get(event.run_id);
        if (run === undefined) return;
        state.#leaveQueue(run);
        run.agent_name = cut(agent_name, MAX_NAME_CHARS);
        if (run.state === "queued") run.state = "running";
        state.#shareOut();
      },
      agent_thinking: addStep(({ thought }) => ({ kind: "thinking", name: thought })),
      tool_executing: addStep(({ tool_name, tool_purpose, call_id }) => ({
        kind: "tool",
        name: tool_name,
        call_id,
        purpose: tool_purpose,
      })),
      tool_completed: onRun((state, run, { call_id, status, execution_time_ms }) =>
        run.endStep(call_id, status, execution_time_ms),
      ),
      partial_result: onRun((state, run, { content }) =>
        run.text.append(content, state.#textBytes),
      ),
      subagent_started: onRun((state, run, { subagent_name, subagent_run_id }, event) => {
        run.addStep(state.#steps, {
          kind: "subagent",
          name: subagent_name,
          call_id: subagent_run_id,
        });
        state.#introduce(event, subagent_run_id, run.run_id);
      }),
      subagent_completed: onRun((state, run, { subagent_run_id, status, duration_ms }) =>
        run.endStep(subagent_run_id, status ?? "completed", duration_ms),
      ),
      agent_completed: (state, event, payload) => {
        const run = state.#runs.get(event.run_id);
        if (run !== undefined) {
          state.#leaveQueue(run);
          state.#runs.delete(run.run_id);
          state.#shareOut();
        }
        if (event.parent_run_id != null) return;
        state.#touch(event);
        const { final_response: content, final_response_ref: ref, status } = payload;
        if (!content) return;
        state.#say(event, {
          role: "agent",
          message_id: event.run_id,
          content,
          status,
          more: ref != null,
        });
      },
    };
  }
}
