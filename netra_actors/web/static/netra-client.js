/**
 * netra-client: the JavaScript client of `netra.v1`, for browsers and for Node (which has to
 * be given a WebSocket class).
 *
 *     const client = new NetraClient({ url: "wss://host/ws", token: () => fetchToken() });
 *     client.addEventListener("event", ({ detail }) => console.log(detail.type));
 *     client.connect();
 *     const { thread_id, run_id } = await client.sendMessage("What changed?");
 *     await client.stop({ run_id });
 *
 * The client holds the folded state of the session and its cursor, reconnects and resumes by
 * itself, and sends unanswered commands again. DOM events it dispatches, each with `detail`:
 * `status`, `welcome`, `snapshot`, `live`, `event`, `typing`, `draining`, `notice` (an error
 * frame that answers no waiting command) and `failure` (the fold threw; it has stopped).
 */

import { Connection } from "./netra-connection.js";
import { EventQueue } from "./netra-events.js";
import { Outbox, newMessageId } from "./netra-outbox.js";
import { NetraError, systemClock } from "./netra-policy.js";
import { Replica } from "./netra-replica.js";

export { CloseCode, NetraError, closePolicy } from "./netra-policy.js";
export { State } from "./netra-state.js";

const FRAME_BYTES = 8_192;
/** After these stops the user may come back, so unanswered commands are kept. */
const RESUMABLE = new Set(["unauthorized", "limit", "signed_out"]);
/** DOM events for control objects; the others concern the connection alone. */
const CONTROLS = { typing_indicator: "typing", draining: "draining" };

/** A session of one user, followed over any number of connections. */
export class NetraClient extends EventTarget {
  #options;
  #replica;
  #connection;
  #outbox = new Outbox();
  #queues = new Set();
  #welcome = null;

  /**
   * @param {object} options
   * @param {string} options.url address of `/ws`
   * @param {string | ((why: {rejected: boolean}) => string | null | Promise<string | null>)}
   *   options.token the JWT, or what brings one; null signs out
   * @param {typeof WebSocket} [options.WebSocket] the class to connect with
   * @param {string} [options.device] named in `run_cancelling` when this client stops a run
   * @param {string} [options.thread_id] the connection's first current thread
   * @param {{state: object, cursor: {epoch: string, seq: number}} | null} [options.kept]
   *   what `save` gave; both or nothing
   * @param {object} [options.clock] `now`, `setTimeout`, `clearTimeout`
   * @param {() => number} [options.random] a number in [0, 1)
   * @param {() => string} [options.newId] ids for commands that are given none
   */
  constructor(options) {
    super();
    const machine = { WebSocket: globalThis.WebSocket, clock: systemClock, newId: newMessageId };
    this.#options = { ...machine, ...options };
    this.#replica = new Replica(options.kept ?? null);
    this.#connection = new Connection(this.#options, this.#replica, this.#hooks());
  }

  /** The folded state of the session. */
  get state() {
    return this.#replica.state;
  }

  /** Where the state stands in the log: `{epoch, seq}`, or null without a state. */
  get cursor() {
    return this.#replica.cursor;
  }

  /** @returns {import("./netra-connection.js").Status} */
  get status() {
    return this.#connection.status;
  }

  /** The last `welcome` frame, or null. */
  get welcome() {
    return this.#welcome;
  }

  /** How many commands wait for their answer. */
  get unanswered() {
    return this.#outbox.size;
  }

  /** State and cursor, to be given to a later client as `kept`; null without a state. */
  save() {
    return this.#replica.save();
  }

  /** Connect, and stay connected until `close`. Does nothing when already at it. */
  connect() {
    this.#connection.connect();
  }

  /** Try again at once, whatever the client waits for; also after it stopped. */
  reconnectNow() {
    this.#connection.reconnectNow();
  }

  /** Leave. Commands without an answer fail with `closed`. */
  close() {
    this.#connection.close();
  }

  /**
   * Send a command and wait for its answer; it is sent again after a lost connection.
   *
   * @param {string} type
   * @param {object} payload
   * @param {{message_id?: string, timeout_ms?: number}} options
   * @returns {Promise<Record<string, any>>} the `ok` frame
   * @throws {NetraError} what the service answered, or `closed`, `timeout`, `busy`,
   *   `message_too_large`; after `timeout` the command may still have had its effect
   */
  async request(type, payload = {}, { message_id, timeout_ms } = {}) {
    const id = message_id ?? this.#options.newId();
    const limit = this.#welcome?.limits?.max_message_bytes ?? FRAME_BYTES;
    const { text, reply } = this.#outbox.add(id, type, payload, limit);
    this.#connection.send(text);
    if (timeout_ms === undefined) return reply;
    const { clock } = this.#options;
    const timer = clock.setTimeout(() => {
      const recovery = "Look at the state, then try again.";
      this.#outbox.abandon(type, id, new NetraError("timeout", "No answer came.", { recovery }));
    }, timeout_ms);
    return reply.finally(() => clock.clearTimeout(timer));
  }

  /**
   * Send a command that has no answer and is worthless later, such as `typing`.
   *
   * @returns {boolean} false: there is no connection, nothing was sent
   */
  tell(type, payload = {}) {
    return this.#connection.send(JSON.stringify({ type, payload }));
  }

  /**
   * Ask an agent.
   *
   * @param {string} content
   * @param {object} fields thread_id, agent, priority, policy, attachments, message_id
   */
  sendMessage(content, { message_id, ...fields } = {}) {
    return this.request("user_message", { content, ...fields }, { message_id });
  }

  /**
   * Stop what *what* names. Naming a message uses its id as the command's, as the protocol
   * has it.
   *
   * @param {{run_id: string} | {message_id: string} | {thread_id: string} | {all: true}} what
   */
  stop(what) {
    const { message_id, ...fields } = what;
    return this.request("stop_agent", fields, { message_id });
  }

  /**
   * Iterate over the events from now on, in order, each once.
   *
   * @param {{limit?: number}} options how many may wait for the reader (default 10,000)
   * @returns {AsyncIterableIterator<object>}
   */
  events({ limit = 10_000 } = {}) {
    const queue = new EventQueue(limit, (left) => this.#queues.delete(left));
    this.#queues.add(queue);
    return queue;
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #hooks() {
    return {
      status: (status) => this.#moved(status),
      welcome: (frame) => this.#greeted(frame),
      event: (event) => this.#published(event),
      snapshot: (frame) => this.#emit("snapshot", frame),
      live: (frame) => this.#emit("live", frame),
      reply: (frame) => this.#replied(frame),
      control: (frame) => frame.type in CONTROLS && this.#emit(CONTROLS[frame.type], frame),
      failed: (error) => this.#emit("failure", error),
    };
  }

  #moved(status) {
    if (status.status === "stopped" && !RESUMABLE.has(status.reason)) {
      const error = new NetraError("closed", `The client has stopped (${status.reason}).`, {
        recovery: "Connect again, then look whether it had an effect.",
      });
      this.#outbox.clear(error);
      for (const queue of [...this.#queues]) queue.end(status.reason === "left" ? null : error);
    }
    this.#emit("status", status);
  }

  #greeted(frame) {
    this.#welcome = frame;
    this.#emit("welcome", frame);
    for (const text of this.#outbox.frames()) this.#connection.send(text);
  }

  #published(event) {
    this.#emit("event", event);
    for (const queue of [...this.#queues]) queue.push(event);
  }

  #replied(frame) {
    const waited = this.#outbox.settle(frame);
    if (!waited && frame.type === "error") this.#emit("notice", frame);
  }
}
