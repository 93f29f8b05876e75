/**
 * Staying connected: tokens, attempts and their back-off, close codes, draining. It owns the
 * link of the moment and nothing of what flows through it.
 */

import { Acker } from "./netra-ack.js";
import { Inbound } from "./netra-inbound.js";
import { Link } from "./netra-link.js";
import { ABUSE_WAIT_MS, Backoff, closePolicy } from "./netra-policy.js";

/** A connection that was live this long has proved itself: the back-off starts anew. */
const PROVEN_MS = 5_000;
/** Fresh tokens that may be refused one after the other. */
const MAX_REJECTIONS = 2;
/** How a link broke that the close code 1006 does not tell. */
const LINK_REASONS = new Set(["silence", "hole", "unreadable_frame"]);

/**
 * Where the client is. `status`: `idle`, `connecting`, `syncing` (replay), `live`, `waiting`
 * (for `retry_at`, a clock time in ms) or `stopped`; `reason` is stable.
 *
 * @typedef {{status: string, reason: string, code: number | null, retry_at: number | null}} Status
 */

/** A subprotocol may hold these characters alone; a JWT always does. */
const PLAIN_TOKEN = /^[\w.!#$%&'*+^`|~-]+$/;

/** The subprotocol that carries a token: the token itself, or its base64url. */
function subprotocolOf(token) {
  if (PLAIN_TOKEN.test(token)) return `jwt.${token}`;
  const binary = String.fromCharCode(...new TextEncoder().encode(token));
  const encoded = btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return `jwt.${encoded}`;
}

/**
 * One client's connection, over any number of links.
 *
 * Hooks: those of `Inbound` but `broken` and `control`'s token and draining part, and
 * `status(status)`, `welcome(frame, send)`.
 */
export class Connection {
  #options;
  #clock;
  #replica;
  #hooks;
  #backoff;
  /** @type {Link | null} */
  #link = null;
  /** @type {Inbound | null} */
  #inbound = null;
  #token = null;
  #rejections = 0;
  #attempt = 0;
  #timer = null;
  #drain = 0;
  #liveSince = null;
  /** @type {Status} */
  #status = { status: "idle", reason: "", code: null, retry_at: null };

  /**
   * @param {object} options those of `NetraClient`
   * @param {import("./netra-replica.js").Replica} replica
   * @param {object} hooks
   */
  constructor(options, replica, hooks) {
    this.#options = options;
    this.#clock = options.clock;
    this.#replica = replica;
    this.#hooks = hooks;
    this.#backoff = new Backoff(options.random);
  }

  /** @returns {Status} */
  get status() {
    return this.#status;
  }

  /** Whether the server has greeted this link, so that it takes commands. */
  get welcomed() {
    return ["syncing", "live"].includes(this.#status.status);
  }

  /** Send one frame if the link takes commands. @param {string} text */
  send(text) {
    return this.welcomed && this.#link.send(text);
  }

  /** Connect, unless it is at it already. */
  connect() {
    if (["idle", "stopped"].includes(this.#status.status)) this.#open();
  }

  /** Try again at once, whatever it waits for; also after it stopped. */
  reconnectNow() {
    if (this.welcomed || this.#status.status === "connecting") return;
    this.#rejections = 0;
    this.#open();
  }

  /** Leave. */
  close() {
    this.#hangUp(1000);
    this.#stop("left", 1000);
  }

  #enter(status, { reason = "", code = null, retry_at = null } = {}) {
    this.#status = { status, reason, code, retry_at };
    this.#hooks.status(this.#status);
  }

  async #open() {
    this.#hangUp();
    const attempt = this.#attempt;
    this.#enter("connecting");
    try {
      const token = this.#token ?? (await this.#fetchToken());
      if (attempt === this.#attempt) this.#token = token;
    } catch {
      // The provider could not be reached: to this client, the network is down.
      if (attempt === this.#attempt) this.#retry("token", this.#backoff.next({ atOnce: false }));
      return;
    }
    if (attempt !== this.#attempt) return;
    if (this.#token === null) this.#stop("signed_out", null);
    else this.#dial();
  }

  async #fetchToken() {
    const { token } = this.#options;
    if (typeof token !== "function") return this.#rejections === 0 ? token : null;
    return (await token({ rejected: this.#rejections > 0 })) ?? null;
  }

  #dial() {
    const { url, WebSocket, device, thread_id } = this.#options;
    const { cursor } = this.#replica;
    const framed = device !== undefined || thread_id !== undefined;
    const target = new URL(url);
    if (!framed) {
      const place = cursor === null ? "none" : `${cursor.epoch}:${cursor.seq}`;
      target.searchParams.set("cursor", place);
    }
    const link = new Link({
      clock: this.#clock,
      WebSocket,
      url: target.href,
      protocols: ["netra.v1", subprotocolOf(this.#token)],
      hello: framed ? { type: "hello", cursor, device, thread_id } : null,
      onFrame: (frame, bytes) => this.#inbound.take(frame, bytes),
      onEnd: (code, reason) => this.#ended(code, reason),
    });
    this.#link = link;
    this.#inbound = this.#listen(link);
  }

  #listen(link) {
    const say = (command) => link.send(JSON.stringify(command));
    const hooks = {
      ...this.#hooks,
      welcome: (frame) => this.#greeted(link, frame),
      live: (frame) => this.#wentLive(frame),
      control: (frame) => this.#control(frame, say),
      broken: (reason) => link.fail(reason),
      failed: (error) => this.#foldFailed(error),
    };
    const acker = new Acker({ clock: this.#clock, send: (seq) => say({ type: "ack", seq }) });
    return new Inbound({ replica: this.#replica, acker, clock: this.#clock, send: say, hooks });
  }

  #greeted(link, frame) {
    this.#rejections = 0;
    link.expectHeartbeat(frame.heartbeat_s ?? 25);
    this.#enter("syncing", { reason: frame.mode });
    this.#hooks.welcome(frame);
  }

  #wentLive(frame) {
    this.#liveSince ??= this.#clock.now();
    if (this.#status.status !== "live") this.#enter("live");
    this.#hooks.live(frame);
  }

  #control(frame, say) {
    if (frame.type === "draining") this.#drain = frame.reconnect_after_ms ?? 0;
    if (frame.type === "token_expiring") this.#renew(say);
    this.#hooks.control(frame);
  }

  async #renew(say) {
    let token;
    try {
      token = await this.#fetchToken();
    } catch {
      return; // The old token still holds; when it ends, 4401 asks for another one.
    }
    if (token === null || token === this.#token) return;
    this.#token = token;
    say({ type: "auth", token });
  }

  #ended(code, linkReason) {
    const proven = this.#liveSince !== null && this.#clock.now() - this.#liveSince >= PROVEN_MS;
    if (proven) this.#backoff.reset();
    this.#hangUp();
    const { action, wait, reason } = closePolicy(code);
    if (action === "drop_cursor" || linkReason === "cursor") this.#replica.drop();
    if (action === "token") {
      this.#token = null;
      this.#rejections += 1;
    }
    if (action === "stop" || this.#rejections > MAX_REJECTIONS) this.#stop(reason, code);
    else this.#retry(LINK_REASONS.has(linkReason) ? linkReason : reason, this.#delay(wait), code);
  }

  #delay(wait) {
    if (wait === "abuse") return ABUSE_WAIT_MS;
    const drain = wait === "drain" ? this.#drain : 0;
    this.#drain = 0;
    return Math.max(drain, this.#backoff.next({ atOnce: wait !== "back_off" }));
  }

  #retry(reason, delay, code = null) {
    this.#timer = this.#clock.setTimeout(() => this.#open(), delay);
    this.#enter("waiting", { reason, code, retry_at: this.#clock.now() + delay });
  }

  #foldFailed(error) {
    this.#hangUp();
    this.#replica.drop();
    this.#stop("fold_failed", null);
    this.#hooks.failed(error);
  }

  #stop(reason, code) {
    this.#token = null;
    this.#enter("stopped", { reason, code });
  }

  #hangUp(code) {
    this.#attempt += 1;
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
    this.#liveSince = null;
    this.#inbound?.close();
    this.#link?.close(code);
    this.#link = null;
    this.#inbound = null;
  }
}
