/** Sending: a message appears at once, is delivered when it can be, and says why if it was not. */

import { newMessageId } from "../netra-outbox.js";

const MAX_TITLE = 60;

/** A thread's title: the beginning of its first message, ending with a word. */
export function titleOf(content) {
  const line = content.trim().replace(/\s+/g, " ");
  if (line.length <= MAX_TITLE) return line;
  const cut = line.slice(0, MAX_TITLE - 1);
  const end = cut.lastIndexOf(" ");
  return `${cut.slice(0, end > MAX_TITLE / 2 ? end : cut.length).replace(/[\s,;:.]+$/, "")}…`;
}

const newId = () => newMessageId().replace("cmd_", "msg_");

/** Sends what the composer gives. */
export class Sender {
  #client;
  #model;
  #hooks;

  /**
   * @param {import("../netra-client.js").NetraClient} client
   * @param {import("./session.js").SessionModel} model
   * @param {object} hooks now, changed, problem, announce, opened(thread_id), takeBack(draft)
   */
  constructor(client, model, hooks) {
    this.#client = client;
    this.#model = model;
    this.#hooks = hooks;
  }

  /**
   * Send one message; without a thread, begin one.
   *
   * @param {{content: string, files: object[], agent?: string, policy?: string}} draft
   * @param {string | null} thread_id
   */
  async send(draft, thread_id) {
    const { content, files, agent, policy } = draft;
    const attachments = files.length > 0 ? files.map((file) => file.file_id) : undefined;
    const fields = { agent, policy, attachments };
    const message = {
      message_id: newId(),
      content,
      created_at: this.#hooks.now(),
      attachments: files,
      fields,
    };
    const thread = thread_id ?? (await this.#begin(draft));
    if (thread !== null) await this.#deliver({ ...message, thread_id: thread });
  }

  /** Send a message that was refused once more, as a new one. */
  resend(message) {
    this.#model.discard(message.message_id);
    return this.#deliver({ ...message, error: undefined, message_id: newId() });
  }

  /** Forget a message that was refused. */
  discard(message) {
    this.#model.discard(message.message_id);
    this.#hooks.changed();
  }

  async #begin(draft) {
    try {
      const { thread } = await this.#client.request("create_thread", {
        title: titleOf(draft.content),
      });
      this.#model.markComplete(thread.thread_id);
      this.#hooks.opened(thread.thread_id);
      return thread.thread_id;
    } catch (error) {
      this.#hooks.takeBack(draft);
      this.#hooks.problem(error);
      return null;
    }
  }

  async #deliver(message) {
    const { message_id, thread_id, content, fields } = message;
    this.#model.send(message);
    this.#hooks.changed();
    try {
      await this.#client.sendMessage(content, { ...fields, thread_id, message_id });
    } catch (error) {
      this.#model.failed(message_id, error);
      this.#hooks.announce(`Not sent. ${error.message}`);
    }
    this.#hooks.changed();
  }
}
