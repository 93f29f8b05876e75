/**
 * What the chat page knows: threads, each thread's messages (the folded state keeps the newest
 * 50 of all), messages on their way, and the runs' timelines. Pure; no DOM, no network.
 */

import { Timelines } from "./timeline.js";

const MAX_MESSAGES = 2_000;

/** The page's model of one user's session. */
export class SessionModel {
  timelines = new Timelines();
  /** @type {{thread_id: string, title: string, created_at: number, updated_at: number}[]} */
  threads = [];
  /** @type {Map<string, Map<string, object>>} messages by thread and message id */
  #messages = new Map();
  /** @type {Map<string, object>} what this tab sent and the log has not shown yet */
  #outgoing = new Map();
  /** Threads whose oldest message is here. */
  #complete = new Set();
  #count = 0;

  /**
   * Take over what the client has folded.
   *
   * @param {{threads: object[], messages: object[]}} state
   */
  absorb({ threads, messages }) {
    this.threads = [...threads].sort(
      (one, other) => (other.updated_at ?? 0) - (one.updated_at ?? 0),
    );
    const known = new Set(threads.map((thread) => thread.thread_id));
    for (const thread_id of this.#messages.keys()) {
      // Beyond its newest 100 threads the state says nothing, so absence proves deletion only below.
      if (!known.has(thread_id) && threads.length < 100) this.#forget(thread_id);
    }
    this.merge(messages);
  }

  /** Add messages, newer knowledge over older; a cut text never replaces a whole one. */
  merge(messages) {
    for (const message of messages) {
      const thread = this.#thread(message.thread_id);
      const old = thread.get(message.message_id);
      if (old === undefined) this.#count += 1;
      const whole =
        message.cut && old !== undefined && !old.cut ? { content: old.content, cut: false } : {};
      thread.set(message.message_id, { ...old, ...message, ...whole });
      this.#outgoing.delete(message.message_id);
    }
    this.#trim();
  }

  /** Note what this tab sends, until the log shows it. */
  send(message) {
    this.#outgoing.set(message.message_id, { role: "user", sending: true, ...message });
  }

  /** Note that sending failed. @param {string} message_id @param {Error} error */
  failed(message_id, error) {
    const message = this.#outgoing.get(message_id);
    if (message !== undefined) Object.assign(message, { sending: false, error });
  }

  /** Forget a message that was not sent. @param {string} message_id */
  discard(message_id) {
    this.#outgoing.delete(message_id);
  }

  /** Say that there is nothing before a thread's oldest message. */
  markComplete(thread_id) {
    this.#complete.add(thread_id);
  }

  /** Whether a thread's oldest message is here. */
  isComplete(thread_id) {
    return this.#complete.has(thread_id);
  }

  /** A thread's messages, oldest first; those on their way last. @returns {object[]} */
  messages(thread_id) {
    const known = [...(this.#messages.get(thread_id)?.values() ?? [])];
    known.sort((one, other) => one.created_at - other.created_at || (one.role === "user" ? -1 : 1));
    return [...known, ...[...this.#outgoing.values()].filter((one) => one.thread_id === thread_id)];
  }

  /**
   * A thread as the page shows it: user messages, each followed by its turns. A turn is one
   * run: its timeline if this tab has it, its answer if there is one.
   *
   * @param {string} thread_id
   * @returns {{key: string, message?: object, run_id?: string, answer?: object}[]}
   */
  items(thread_id) {
    const messages = this.messages(thread_id);
    const answers = new Map();
    for (const one of messages)
      if (one.role === "agent" && one.run_id) answers.set(one.run_id, one);
    const runs = this.timelines.roots().filter((run) => run.thread_id === thread_id);
    const shown = new Set();
    const items = [];
    const turn = (run_id) => {
      // While a run waits in the queue, its message and the queue say so.
      const run = this.timelines.get(run_id);
      if (shown.has(run_id) || (run?.status === "queued" && run.place !== null)) return;
      shown.add(run_id);
      items.push({ key: `run ${run_id}`, run_id, answer: answers.get(run_id) });
    };
    for (const message of messages) {
      if (message.role === "agent") {
        if (message.run_id) turn(message.run_id);
        else items.push({ key: `message ${message.message_id}`, answer: message });
        continue;
      }
      items.push({ key: `message ${message.message_id}`, message });
      for (const run of runs) if (run.message_id === message.message_id) turn(run.run_id);
      if (message.run_id) turn(message.run_id);
    }
    for (const run of runs) if (run.open) turn(run.run_id);
    return items;
  }

  /** The text of a message, as far as it is known. */
  textOf(thread_id, message_id) {
    return (
      (this.#messages.get(thread_id)?.get(message_id) ?? this.#outgoing.get(message_id))?.content ??
      ""
    );
  }

  /** Runs of the state that wait in a thread, in their order. */
  queue(state, thread_id) {
    const waiting = state.runs.filter(
      (run) => run.state === "queued" && run.thread_id === thread_id && !run.parent_run_id,
    );
    return waiting.filter((run) => run.place != null).sort((one, other) => one.place - other.place);
  }

  #thread(thread_id) {
    let thread = this.#messages.get(thread_id);
    if (thread === undefined) {
      thread = new Map();
      this.#messages.set(thread_id, thread);
    }
    return thread;
  }

  #forget(thread_id) {
    this.#count -= this.#messages.get(thread_id)?.size ?? 0;
    this.#messages.delete(thread_id);
    this.#complete.delete(thread_id);
  }

  #trim() {
    for (const thread_id of this.#messages.keys()) {
      if (this.#count <= MAX_MESSAGES || this.#messages.size === 1) return;
      this.#forget(thread_id);
    }
  }
}
