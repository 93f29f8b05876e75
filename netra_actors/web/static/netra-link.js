/**
 * One WebSocket from opening to its end: hello, parsing, and the watch for silence. A link is
 * used once; it reports its end once.
 */

import { utf8Length } from "./netra-text.js";

const OPEN = 1;
/** Milliseconds from the start of the connection to the welcome. */
const WELCOME_MS = 15_000;
/** What the heartbeat may be late. */
export const HEARTBEAT_GRACE_MS = 8_000;
/** Close code for "the connection was lost", as browsers report it. */
export const LOST = 1006;

/** One socket. */
export class Link {
  #clock;
  #socket;
  #frame;
  #ended;
  #timer = null;
  #limit = WELCOME_MS;
  #heardAt;
  #over = false;

  /**
   * Open the socket.
   *
   * @param {object} parts
   * @param {object} parts.clock
   * @param {new (url: string, protocols: string[]) => WebSocket} parts.WebSocket
   * @param {string} parts.url
   * @param {string[]} parts.protocols
   * @param {object | null} parts.hello frame to say first; null when the address says it
   * @param {(frame: object | object[], bytes: number) => void} parts.onFrame
   * @param {(code: number, reason: string) => void} parts.onEnd called once, not after `close`
   */
  constructor({ clock, WebSocket, url, protocols, hello, onFrame, onEnd }) {
    this.#clock = clock;
    this.#frame = onFrame;
    this.#ended = onEnd;
    this.#heardAt = clock.now();
    this.#socket = new WebSocket(url, protocols);
    this.#socket.onopen = () => hello !== null && this.send(JSON.stringify(hello));
    this.#socket.onmessage = (message) => this.#take(message.data);
    // A browser says nothing useful in `error`, and `close` always follows.
    this.#socket.onerror = () => {};
    this.#socket.onclose = (end) => this.#finish(end.code ?? LOST, end.reason ?? "");
    this.#watch(this.#limit);
  }

  /** Whether frames can be sent now. */
  get open() {
    return !this.#over && this.#socket.readyState === OPEN;
  }

  /**
   * Send one frame, or nothing when the socket is not open.
   *
   * @param {string} text
   * @returns {boolean} whether it was handed to the socket
   */
  send(text) {
    if (!this.open) return false;
    this.#socket.send(text);
    return true;
  }

  /** From now on silence of the heartbeat's period and its grace ends the link. */
  expectHeartbeat(seconds) {
    this.#limit = seconds * 1_000 + HEARTBEAT_GRACE_MS;
    this.#watch(this.#limit);
  }

  /**
   * Break off: the peer is silent, or what it says makes no sense.
   *
   * @param {string} reason
   */
  fail(reason) {
    const socket = this.#socket;
    this.#finish(LOST, reason);
    socket.close();
  }

  /** Leave; `onEnd` is not called. @param {number} [code] */
  close(code) {
    this.#stop();
    this.#socket.close(code);
  }

  #take(data) {
    if (this.#over) return;
    this.#heardAt = this.#clock.now();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      this.fail("unreadable_frame");
      return;
    }
    this.#frame(frame, utf8Length(data));
  }

  #watch(delay) {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => {
      const left = this.#limit - (this.#clock.now() - this.#heardAt);
      if (left <= 0) this.fail("silence");
      else this.#watch(left);
    }, delay);
  }

  #stop() {
    this.#over = true;
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
    this.#socket.onopen = null;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
  }

  #finish(code, reason) {
    if (this.#over) return;
    this.#stop();
    this.#ended(code, reason);
  }
}
