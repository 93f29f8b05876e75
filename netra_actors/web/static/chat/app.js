/** The chat page: connects the client, the model and the views, and draws once a frame. */

import { NetraClient } from "../netra-client.js";
import { Api } from "./api.js";
import { Composer } from "./composer.js";
import { ConnectionView } from "./connection-view.js";
import { ConversationView } from "./conversation-view.js";
import { h, setText } from "./dom.js";
import { plural } from "./format.js";
import { History } from "./history.js";
import { Notices, ask } from "./notices.js";
import { QueueView } from "./queue-view.js";
import { Sender } from "./sender.js";
import { SessionModel } from "./session.js";
import { fileLabel } from "./step-view.js";
import { Drawer, ThreadsView } from "./threads-view.js";

const TYPING_MS = 5_000;

/** The page of one user. */
export class ChatApp {
  #parts;
  #identity;
  #model = new SessionModel();
  #api;
  #client;
  #history;
  #sender;
  #notices;
  #views;
  #skew = 0;
  #thread = null;
  #wanted = new URL(location.href).searchParams.get("thread");
  #typing = new Map();
  #frame = null;

  /** @param {object} parts @param {import("./auth.js").Identity} identity @param {URL} base */
  constructor(parts, identity, base) {
    this.#parts = parts;
    this.#identity = identity;
    this.#notices = new Notices(parts.notices);
    this.#api = new Api(base, () => identity.token());
    this.#client = this.#makeClient(base);
    const changed = () => this.#redraw();
    const problem = (error) => this.#notices.problem(error);
    this.#history = new History(this.#api, this.#model, { changed, problem });
    this.#views = this.#makeViews();
    this.#sender = new Sender(this.#client, this.#model, {
      now: this.#now,
      changed,
      problem,
      announce: (text) => this.#notices.announce(text),
      opened: (thread_id) => this.#open(thread_id),
      takeBack: (draft) => this.#views.composer.restore(draft),
    });
    parts.newThread.addEventListener("click", () => this.#open(null));
    parts.stopAll.addEventListener("click", () => this.#attempt(this.#client.stop({ all: true })));
    setInterval(() => this.#views.conversation.tick(), 500);
  }

  /** Connect. */
  start() {
    this.#client.connect();
    addEventListener("online", () => this.#client.reconnectNow());
    addEventListener("pageshow", ({ persisted }) => persisted && this.#client.reconnectNow());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.#client.status.status === "waiting") this.#client.reconnectNow();
    });
    this.#views.composer.focus();
  }

  #now = () => Date.now() - this.#skew;

  #makeClient(base) {
    const url = new URL("ws", base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const device = matchMedia("(pointer: coarse)").matches ? "phone" : "browser";
    const client = new NetraClient({ url: url.href, token: (why) => this.#identity.token(why), device });
    const on = (type, listener) => client.addEventListener(type, ({ detail }) => listener(detail));
    on("status", () => this.#moved());
    on("welcome", (frame) => {
      this.#skew = Date.now() - (frame.server_time ?? Date.now());
      this.#showUser(frame.user_id);
    });
    on("snapshot", (frame) => this.#seeded(frame));
    on("live", () => this.#synced());
    on("event", (event) => this.#applied(event));
    on("typing", (frame) => this.#typed(frame));
    on("notice", (frame) => this.#notices.problem(Object.assign(new Error(frame.message), frame)));
    on("failure", (error) => console.error(error));
    return client;
  }

  #makeViews() {
    const parts = this.#parts;
    const turn = {
      now: this.#now,
      stop: (run_id) => this.#attempt(this.#client.stop({ run_id })),
      showSteps: (run_id) => this.#history.steps(run_id),
      showWhole: (message) => this.#history.whole(message),
      fileLink: (ref) => this.#fileLink(ref),
      resend: (message) => this.#sender.resend(message),
      discard: (message) => this.#sender.discard(message),
      loadEarlier: (thread_id) => this.#history.earlier(thread_id),
    };
    return {
      drawer: new Drawer(parts.drawer),
      conversation: new ConversationView(parts.conversation, turn),
      threads: new ThreadsView(parts.threads, {
        now: this.#now,
        open: (thread_id) => this.#open(thread_id),
        rename: (thread_id) => this.#rename(thread_id),
        remove: (thread_id) => this.#remove(thread_id),
      }),
      queue: new QueueView(parts.queue, ({ run_id }) => this.#attempt(this.#client.stop({ run_id }))),
      connection: new ConnectionView(parts.connection, {
        client: () => this.#client,
        signIn: () => this.signIn(),
        announce: (text) => this.#notices.announce(text),
      }),
      composer: new Composer(parts.composer, {
        send: (message) => {
          this.#views.conversation.toNewest();
          return this.#sender.send(message, this.#thread);
        },
        stop: () => this.#stopHere(),
        typing: (is_typing) => this.#thread && this.#client.tell("typing", { thread_id: this.#thread, is_typing }),
        upload: (file) => this.#api.upload(file),
        problem: (error) => this.#notices.problem(error),
      }),
    };
  }

  /** Ask who the user is: a name in development, a token in production. */
  async signIn() {
    const production = this.#identity.mode === "production";
    const field = production
      ? { label: "Access token", value: "", multiline: true }
      : { label: "User name", value: this.#identity.userId, maxlength: 64 };
    const text = production
      ? "Paste the token that your organisation gave you. It stays in this tab."
      : "In development mode anyone on this machine may be anyone. Each name is a user of its own.";
    const given = await ask({ title: production ? "Sign in" : "Who are you?", text, action: "Continue", field });
    if (given === null || given === "") return;
    if (production) this.#identity.signIn(given);
    else if (!this.#identity.become(given)) {
      this.#notices.problem(Object.assign(new Error("That cannot be a user name."), { recovery: "Use letters, digits, dot, dash and underscore." }));
      return;
    }
    location.assign(location.pathname);
  }

  #showUser(user_id) {
    setText(this.#parts.whoName, user_id);
    setText(this.#parts.avatar, user_id.replace(/^guest-/, "").slice(0, 2).toUpperCase());
    this.#parts.who.title = `Signed in as ${user_id}`;
    this.#parts.who.onclick = () => this.signIn();
  }

  #moved() {
    // The client reports its first state while this page is still being put together.
    this.#views?.connection.update();
    if (this.#client.status.reason === "signed_out" && this.#client.status.status === "stopped") this.signIn();
  }

  #seeded({ state }) {
    for (const run_id of this.#model.timelines.seed(state.runs)) this.#history.steps(run_id, false);
    this.#redraw();
  }

  async #synced() {
    this.#model.absorb(this.#client.state);
    if (this.#thread === null && this.#wanted !== null) this.#open(this.#wanted, false);
    else if (this.#thread !== null) this.#history.open(this.#thread);
    this.#redraw();
    if (this.#parts.composer.agent.options.length > 1) return;
    try {
      const agents = await this.#api.agents();
      this.#views.composer.setAgents(agents);
      this.#showStarters(agents);
    } catch (error) {
      this.#notices.problem(error);
    }
  }

  #applied(event) {
    this.#model.timelines.apply(event);
    if (event.type === "thread_deleted" && event.thread_id === this.#thread) this.#open(null);
    if (!event.parent_run_id && event.thread_id === this.#thread) this.#announce(event);
    if (event.type === "user_message") this.#typing.delete(event.thread_id);
    this.#redraw();
  }

  #announce({ type, payload }) {
    const status = { completed: "finished", failed: "failed", cancelled: "was stopped", interrupted: "was interrupted" }[payload?.status];
    if (type === "agent_started") this.#notices.announce(`${payload.agent_name} has started.`);
    if (type === "tool_executing") this.#notices.announce(payload.tool_purpose || payload.tool_name);
    if (type === "agent_completed") this.#notices.announce(`The agent ${status}. ${(payload.final_response ?? "").slice(0, 300)}`);
  }

  #typed({ thread_id, is_typing }) {
    if (is_typing) this.#typing.set(thread_id, Date.now() + TYPING_MS);
    else this.#typing.delete(thread_id);
    setTimeout(() => this.#redraw(), TYPING_MS + 50);
    this.#redraw();
  }

  #redraw() {
    this.#frame ??= document.visibilityState === "visible"
      ? requestAnimationFrame(() => this.#draw())
      : setTimeout(() => this.#draw(), 250);
  }

  #draw() {
    this.#frame = null;
    const { state } = this.#client;
    this.#model.absorb(state);
    const { runs } = state;
    const roots = runs.filter((run) => run.parent_run_id === null);
    const here = roots.filter((run) => run.thread_id === this.#thread && run.place === null);
    const { conversation, threads, composer, queue } = this.#views;
    conversation.update(this.#thread, this.#model);
    threads.update(this.#model.threads, this.#thread, new Set(roots.map((run) => run.thread_id)));
    composer.setRunning({ running: here.length > 0, stopping: here.length > 0 && here.every((run) => run.state === "cancelling") });
    const waiting = this.#model.queue({ runs }, this.#thread);
    queue.update(waiting.map((run) => ({ run, text: this.#model.textOf(this.#thread, run.message_id) })));
    this.#parts.stopAll.hidden = roots.length < 2;
    const title = this.#model.threads.find((thread) => thread.thread_id === this.#thread)?.title || "New thread";
    setText(this.#parts.title, title);
    document.title = here.length > 0 ? `Working… ${title} · Netra` : `${title} · Netra`;
    this.#parts.welcome.hidden = this.#thread !== null || this.#client.status.status === "idle";
    const typing = (this.#typing.get(this.#thread) ?? 0) > Date.now();
    this.#parts.typing.hidden = !typing;
    setText(this.#parts.typingText, typing ? "Typing on another device…" : "");
  }

  #open(thread_id, focus = true) {
    this.#thread = thread_id;
    this.#wanted = null;
    const address = new URL(location.href);
    if (thread_id === null) address.searchParams.delete("thread");
    else address.searchParams.set("thread", thread_id);
    history.replaceState(null, "", address);
    if (thread_id !== null) this.#history.open(thread_id);
    this.#views.drawer.close();
    this.#redraw();
    if (focus) this.#views.composer.focus();
  }

  #stopHere() {
    const here = this.#client.state.runs.filter((run) => run.thread_id === this.#thread && run.parent_run_id === null && run.place === null);
    for (const { run_id } of here) this.#attempt(this.#client.stop({ run_id }));
  }

  async #attempt(reply) {
    try {
      return await reply;
    } catch (error) {
      this.#notices.problem(error);
      return null;
    }
  }

  async #rename(thread_id) {
    const thread = this.#model.threads.find((one) => one.thread_id === thread_id);
    const title = await ask({ title: "Rename thread", action: "Rename", field: { label: "Title", value: thread?.title ?? "", maxlength: 200 } });
    if (title) await this.#attempt(this.#client.request("rename_thread", { thread_id, title }));
  }

  async #remove(thread_id) {
    const thread = this.#model.threads.find((one) => one.thread_id === thread_id);
    const text = `“${thread?.title || "Untitled"}” and its messages will be deleted on all your devices.`;
    const answer = await ask({ title: "Delete this thread?", text, action: "Delete", danger: true });
    if (answer !== null) await this.#attempt(this.#client.request("delete_thread", { thread_id }));
  }

  #fileLink(ref) {
    const open = async () => {
      const blob = await this.#attempt(this.#api.file(ref.file_id));
      if (blob === null) return;
      const address = URL.createObjectURL(blob);
      h("a", { href: address, download: `${ref.file_id}.txt` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    };
    return h("button", { class: "ghost small", type: "button", on: { click: open } }, fileLabel(ref));
  }

  #showStarters(agents) {
    const items = agents.filter((agent) => agent.description).slice(0, 4).map(({ name, description }) =>
      h("li", {}, h("button", { type: "button", on: { click: () => this.#choose(name) } }, h("strong", {}, name), h("span", {}, description))));
    this.#parts.starters.replaceChildren(...items);
    this.#parts.starters.setAttribute("aria-label", plural(items.length, "agent"));
  }

  #choose(agent) {
    this.#parts.composer.agent.value = agent;
    this.#views.composer.focus();
  }
}
