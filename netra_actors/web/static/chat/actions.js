/** What the user does beside writing: threads, files, signing in. Each says why it failed. */

import { h } from "./dom.js";
import { ask } from "./notices.js";
import { fileLabel } from "./step-view.js";

/** The page's commands that are more than one call. */
export class Actions {
  #client;
  #model;
  #api;
  #identity;
  #notices;
  #asking = false;

  /** @param {{client: object, model: object, api: object, identity: object, notices: object}} parts */
  constructor({ client, model, api, identity, notices }) {
    this.#client = client;
    this.#model = model;
    this.#api = api;
    this.#identity = identity;
    this.#notices = notices;
  }

  /** Wait for an answer; a refusal is shown. @returns {Promise<any>} null when refused */
  async attempt(reply) {
    try {
      return await reply;
    } catch (error) {
      this.#notices.problem(error);
      return null;
    }
  }

  /** Ask for a thread's new title. @param {string} thread_id */
  async rename(thread_id) {
    const value = this.#titleOf(thread_id);
    const field = { label: "Title", value, maxlength: 200 };
    const title = await ask({ title: "Rename thread", action: "Rename", field });
    if (title) await this.attempt(this.#client.request("rename_thread", { thread_id, title }));
  }

  /** Delete a thread, if the user means it. @param {string} thread_id */
  async remove(thread_id) {
    const name = this.#titleOf(thread_id) || "Untitled";
    const text = `“${name}” and its messages will be deleted on all your devices.`;
    const answer = await ask({
      title: "Delete this thread?",
      text,
      action: "Delete",
      danger: true,
    });
    if (answer !== null) await this.attempt(this.#client.request("delete_thread", { thread_id }));
  }

  /** A link to a stored file, which is fetched with the user's token. @param {object} ref */
  fileLink(ref) {
    const open = async () => {
      const blob = await this.attempt(this.#api.file(ref.file_id));
      if (blob === null) return;
      const address = URL.createObjectURL(blob);
      h("a", { href: address, download: `${ref.file_id}.txt` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    };
    return h(
      "button",
      { class: "ghost small", type: "button", on: { click: open } },
      fileLabel(ref),
    );
  }

  /** Ask who the user is: a name in development, a token in production. */
  async signIn() {
    if (this.#asking) return;
    this.#asking = true;
    const production = this.#identity.mode === "production";
    const given = await ask(production ? TOKEN_QUESTION : nameQuestion(this.#identity.userId));
    this.#asking = false;
    if (!given) return;
    if (production) {
      this.#identity.signIn(given);
    } else if (!this.#identity.become(given)) {
      const recovery = "Use letters, digits, dot, dash and underscore.";
      this.#notices.problem(Object.assign(new Error("That cannot be a user name."), { recovery }));
      return;
    }
    location.assign(location.pathname);
  }

  #titleOf(thread_id) {
    return this.#model.threads.find((thread) => thread.thread_id === thread_id)?.title ?? "";
  }
}

const TOKEN_QUESTION = {
  title: "Sign in",
  text: "Paste the token that your organisation gave you. It stays in this tab.",
  action: "Continue",
  field: { label: "Access token", value: "", multiline: true },
};

const nameQuestion = (value) => ({
  title: "Who are you?",
  text: "In development mode anyone on this machine may be anyone. Each name is a user of its own.",
  action: "Continue",
  field: { label: "User name", value, maxlength: 64 },
});
