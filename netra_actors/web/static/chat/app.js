/** The chat page: connects the client, the model and the views, and draws once a frame. */

import { NetraClient } from "../netra-client.js";
import { Actions } from "./actions.js";
import { Api } from "./api.js";
import { Composer } from "./composer.js";
import { ConnectionView } from "./connection-view.js";
import { ConversationView } from "./conversation-view.js";
import { h, setText } from "./dom.js";
import { plural } from "./format.js";
import { History } from "./history.js";
import { Notices } from "./notices.js";
import { QueueView } from "./queue-view.js";
import { Sender } from "./sender.js";
import { SessionModel } from "./session.js";
import { Drawer, ThreadsView } from "./threads-view.js";
import { spoken } from "./words.js";

const TYPING_MS = 5_000;

/** The page of one user. */
export class ChatApp {
  #parts;
  #actions;
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
    this.#actions = new Actions({
      client: this.#client,
      model: this.#model,
      api: this.#api,
      identity,
      notices: this.#notices,
    });
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
    parts.stopAll.addEventListener("click", () =>
      this.#actions.attempt(this.#client.stop({ all: true })),
    );
    setInterval(() => this.#views.conversation.tick(), 500);
  }

  /** Connect. */
  start() {
    this.#client.connect();
    addEventListener("online", () => this.#client.reconnectNow());
    addEventListener("pageshow", ({ persisted }) => persisted && this.#client.reconnectNow());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.#client.status.status === "waiting")
        this.#client.reconnectNow();
    });
    this.#views.composer.focus();
  }

  #now = () => Date.now() - this.#skew;

  #makeClient(base) {
    const url = new URL("ws", base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const device = matchMedia("(pointer: coarse)").matches ? "phone" : "browser";
    const client = new NetraClient({
      url: url.href,
      token: (why) => this.#identity.token(why),
      device,
    });
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
      stop: (run_id) => this.#actions.attempt(this.#client.stop({ run_id })),
      showSteps: (run_id) => this.#history.steps(run_id),
      showWhole: (message) => this.#history.whole(message),
      fileLink: (ref) => this.#actions.fileLink(ref),
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
        rename: (thread_id) => this.#actions.rename(thread_id),
        remove: (thread_id) => this.#actions.remove(thread_id),
      }),
      queue: new QueueView(parts.queue, ({ run_id }) =>
        this.#actions.attempt(this.#client.stop({ run_id })),
      ),
      connection: new ConnectionView(parts.connection, {
        client: () => this.#client,
        signIn: () => this.#actions.signIn(),
        announce: (text) => this.#notices.announce(text),
      }),
      composer: new Composer(parts.composer, {
        send: (message) => {
          this.#views.conversation.toNewest();
          return this.#sender.send(message, this.#thread);
        },
        stop: () => this.#stopHere(),
        typing: (is_typing) =>
          this.#thread && this.#client.tell("typing", { thread_id: this.#thread, is_typing }),
        upload: (file) => this.#api.upload(file),
        problem: (error) => this.#notices.problem(error),
      }),
    };
  }

  #showUser(user_id) {
    setText(this.#parts.whoName, user_id);
    setText(
      this.#parts.avatar,
      user_id
        .replace(/^guest-/, "")
        .slice(0, 2)
        .toUpperCase(),
    );
    this.#parts.who.title = `Signed in as ${user_id}`;
    this.#parts.who.onclick = () => this.#actions.signIn();
  }

  #moved() {
    // The client reports its first state while this page is still being put together.
    this.#views?.connection.update();
    if (this.#client.status.reason === "signed_out" && this.#client.status.status === "stopped")
      this.#actions.signIn();
  }

  #seeded({ state }) {
    this.#history.forget();
    for (const run_id of this.#model.timelines.seed(state.runs)) this.#history.steps(run_id, false);
    this.#redraw();
  }

  async #synced() {
    this.#model.absorb(this.#client.state);
    if (this.#thread === null && this.#wanted !== null) this.#openWanted();
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
    const words = spoken(event);
    if (words !== null && !event.parent_run_id && event.thread_id === this.#thread) {
      this.#notices.announce(words);
    }
    if (event.type === "user_message") this.#typing.delete(event.thread_id);
    this.#redraw();
  }

  #typed({ thread_id, is_typing }) {
    if (is_typing) this.#typing.set(thread_id, Date.now() + TYPING_MS);
    else this.#typing.delete(thread_id);
    setTimeout(() => this.#redraw(), TYPING_MS + 50);
    this.#redraw();
  }

  #redraw() {
    this.#frame ??=
      document.visibilityState === "visible"
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
    composer.setRunning({
      running: here.length > 0,
      stopping: here.length > 0 && here.every((run) => run.state === "cancelling"),
    });
    const waiting = this.#model.queue({ runs }, this.#thread);
    queue.update(
      waiting.map((run) => ({ run, text: this.#model.textOf(this.#thread, run.message_id) })),
    );
    this.#parts.stopAll.hidden = roots.length < 2;
    const title =
      this.#model.threads.find((thread) => thread.thread_id === this.#thread)?.title ||
      "New thread";
    setText(this.#parts.title, title);
    document.title = here.length > 0 ? `Working… ${title} · Netra` : `${title} · Netra`;
    this.#parts.welcome.hidden = this.#thread !== null || this.#client.status.status === "idle";
    const typing = (this.#typing.get(this.#thread) ?? 0) > Date.now();
    this.#parts.typing.hidden = !typing;
    setText(this.#parts.typingText, typing ? "Typing on another device…" : "");
  }

  /** Open the thread that the address names, unless it is known to be gone. */
  #openWanted() {
    const { threads } = this.#model;
    const here = threads.some((thread) => thread.thread_id === this.#wanted);
    this.#open(here || threads.length >= 100 ? this.#wanted : null, false);
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
    const here = this.#client.state.runs.filter(
      (run) => run.thread_id === this.#thread && run.parent_run_id === null && run.place === null,
    );
    for (const { run_id } of here) this.#actions.attempt(this.#client.stop({ run_id }));
  }

  #showStarters(agents) {
    const items = agents
      .filter((agent) => agent.description)
      .slice(0, 4)
      .map(({ name, description }) =>
        h(
          "li",
          {},
          h(
            "button",
            { type: "button", on: { click: () => this.#choose(name) } },
            h("strong", {}, name),
            h("span", {}, description),
          ),
        ),
      );
    this.#parts.starters.replaceChildren(...items);
    this.#parts.starters.setAttribute("aria-label", plural(items.length, "agent"));
  }

  #choose(agent) {
    this.#parts.composer.agent.value = agent;
    this.#views.composer.focus();
  }
}
