/** Events as an async iterator: a bounded queue between the socket and a `for await` loop. */

import { NetraError } from "./netra-policy.js";

/**
 * One reader's queue. It ends when the client is closed; a reader that falls more than
 * `limit` events behind gets `overflow` instead of a hole.
 */
export class EventQueue {
  #events = [];
  #waiters = [];
  #limit;
  #ended = false;
  #error = null;
  #detach;

  /**
   * @param {number} limit events it holds at most
   * @param {(queue: EventQueue) => void} detach called once, when the reader leaves
   */
  constructor(limit, detach) {
    this.#limit = limit;
    this.#detach = detach;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** Take one event in. @param {object} event */
  push(event) {
    if (this.#ended) return;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve({ value: event, done: false });
    } else if (this.#events.length >= this.#limit) {
      this.#events = [];
      this.end(
        new NetraError("overflow", `The reader is more than ${this.#limit} events behind.`, {
          recovery: "Read the client's state, then iterate anew.",
        }),
      );
    } else {
      this.#events.push(event);
    }
  }

  /** Let no more in. What is queued is still handed out. @param {Error | null} error */
  end(error = null) {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const waiter of this.#waiters.splice(0)) this.#finish(waiter);
    this.#detach(this);
  }

  /** The next event, or the end. */
  next() {
    if (this.#events.length > 0) {
      return Promise.resolve({ value: this.#events.shift(), done: false });
    }
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      if (this.#ended) this.#finish(waiter);
      else this.#waiters.push(waiter);
    });
  }

  /** The reader leaves its loop. */
  return() {
    this.#events = [];
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  #finish(waiter) {
    const error = this.#error;
    this.#error = null;
    if (error === null) waiter.resolve({ value: undefined, done: true });
    else waiter.reject(error);
  }
}
