/**
 * Commands that wait for their answer. Each has an id made here, so that sending it again
 * after a lost connection starts nothing twice: the service repeats its first answer.
 */

import { NetraError } from "./netra-policy.js";

const MAX_WAITING = 256;

/** Make an id that is unique for ever. */
export function newMessageId() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(12));
  return "cmd_" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * What tells two waiting commands apart. A `stop_agent` may carry the id of the message that
 * it stops, and that message may still be waiting itself; answers name the type in `re`.
 */
const keyOf = (type, id) => `${type} ${id}`;

/** At most 256 unanswered commands, in the order they were given. */
export class Outbox {
  /** @type {Map<string, {text: string, resolve: Function, reject: Function}>} */
  #waiting = new Map();
  #encoder = new TextEncoder();

  /** How many commands wait. */
  get size() {
    return this.#waiting.size;
  }

  /**
   * Add a command.
   *
   * @param {string} id
   * @param {string} type
   * @param {object} payload
   * @param {number} maxBytes what a frame may hold
   * @returns {{text: string, reply: Promise<object>}} its frame, and its answer
   * @throws {NetraError} `message_too_large`, or `busy` when 256 commands wait, or `conflict`
   */
  add(id, type, payload, maxBytes) {
    const text = JSON.stringify({ type, message_id: id, payload });
    if (this.#encoder.encode(text).length > maxBytes) {
      throw new NetraError("message_too_large", `A command may have ${maxBytes} bytes.`, {
        recovery: "Send the text as a file.",
        field: "payload",
      });
    }
    if (this.#waiting.size >= MAX_WAITING) {
      throw new NetraError("busy", `${MAX_WAITING} commands wait for an answer already.`, {
        recovery: "Wait until the connection is back.",
        recoverable: true,
      });
    }
    const key = keyOf(type, id);
    if (this.#waiting.has(key)) {
      throw new NetraError("conflict", "A command with this message_id waits already.", {
        recovery: "Give each command an id of its own.",
        field: "message_id",
      });
    }
    const reply = new Promise((resolve, reject) => {
      this.#waiting.set(key, { text, resolve, reject });
    });
    return { text, reply };
  }

  /** The frames of all commands without an answer, oldest first. */
  *frames() {
    for (const { text } of this.#waiting.values()) yield text;
  }

  /**
   * Hand an `ok` or `error` frame to the command it answers.
   *
   * @param {Record<string, any>} frame
   * @returns {boolean} whether a command waited for it
   */
  settle(frame) {
    const key = keyOf(frame.re, frame.message_id);
    const command = this.#waiting.get(key);
    if (command === undefined) return false;
    this.#waiting.delete(key);
    if (frame.type === "ok") command.resolve(frame);
    else command.reject(NetraError.from(frame));
    return true;
  }

  /**
   * Give one command up: it is not sent again.
   *
   * @param {string} type
   * @param {string} id
   * @param {Error} error
   */
  abandon(type, id, error) {
    this.#drop(keyOf(type, id), error);
  }

  /** Give all commands up. @param {Error} error */
  clear(error) {
    for (const key of [...this.#waiting.keys()]) this.#drop(key, error);
  }

  #drop(key, error) {
    const command = this.#waiting.get(key);
    this.#waiting.delete(key);
    command?.reject(error);
  }
}
