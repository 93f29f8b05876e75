/**
 * What is loaded over HTTP beside the live stream: older messages and the steps of runs that
 * this tab has not seen. Every load is done once at a time; failures are shown, and may be tried again.
 */

const PAGE = 30;
/** Newest turns of an opened thread whose steps are loaded unasked, for their reports. */
const UNASKED = 3;

/** Loads into a session model. */
export class History {
  #api;
  #model;
  #changed;
  #problem;
  #opened = new Set();
  #loading = new Map();
  #refused = new Set();

  /**
   * @param {import("./api.js").Api} api
   * @param {import("./session.js").SessionModel} model
   * @param {{changed: () => void, problem: (error: Error) => void}} hooks
   */
  constructor(api, model, { changed, problem }) {
    this.#api = api;
    this.#model = model;
    this.#changed = changed;
    this.#problem = problem;
  }

  /** Load the newest messages of a thread, the first time it is opened. */
  async open(thread_id) {
    if (this.#opened.has(thread_id)) return;
    this.#opened.add(thread_id);
    const loaded = await this.#messages(thread_id, null);
    if (!loaded) this.#opened.delete(thread_id);
    else await this.#unasked(thread_id);
  }

  /** A snapshot came: there may be messages between what is here and what it has. */
  forget() {
    this.#opened.clear();
  }

  /** Load the messages before the oldest one that is here. */
  async earlier(thread_id) {
    const oldest = this.#model
      .messages(thread_id)
      .find((message) => !message.sending && !message.error);
    await this.#messages(thread_id, oldest?.message_id ?? null);
  }

  /** Load a message in full: it is on the page of history that ends with it. */
  async whole(message) {
    try {
      this.#model.merge(await this.#api.messages(message.thread_id, { limit: 200 }));
      this.#changed();
    } catch (error) {
      this.#problem(error);
    }
  }

  /** Load all steps of a run. @param {string} run_id @param {boolean} asked by the user */
  async steps(run_id, asked = true) {
    if (!asked && this.#refused.has(run_id)) return;
    const { timelines } = this.#model;
    let loading = this.#loading.get(run_id);
    if (loading === undefined) {
      timelines.record(run_id);
      loading = this.#api.runEvents(run_id);
      this.#loading.set(run_id, loading);
    }
    try {
      timelines.load(run_id, await loading);
    } catch (error) {
      timelines.stopRecording(run_id);
      this.#refused.add(run_id);
      if (asked) this.#problem(error);
    }
    this.#loading.delete(run_id);
    this.#changed();
  }

  async #messages(thread_id, before) {
    try {
      const messages = await this.#api.messages(thread_id, { limit: PAGE, before });
      this.#model.merge(messages);
      if (messages.length < PAGE) this.#model.markComplete(thread_id);
      return true;
    } catch (error) {
      // A thread that was made a moment ago, or deleted meanwhile, has no history.
      if (error.code === "not_found") this.#model.markComplete(thread_id);
      else this.#problem(error);
      return error.code === "not_found";
    } finally {
      this.#changed();
    }
  }

  async #unasked(thread_id) {
    const turns = this.#model.items(thread_id).filter((item) => item.run_id !== undefined);
    for (const { run_id } of turns.slice(-UNASKED).reverse()) {
      if (this.#model.timelines.get(run_id) === undefined) await this.steps(run_id, false);
    }
  }
}
