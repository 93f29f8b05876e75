/**
 * A replica of the session: the folded state and, beside it, the cursor that says how far it
 * is folded. One without the other means nothing, so they are kept and dropped together.
 */

import { State } from "./netra-state.js";

/** @typedef {{epoch: string, seq: number}} Cursor */

/** Folded state and cursor of one session, and the rule by which events move them. */
export class Replica {
  /** The folded state. */
  state = new State();
  /** @type {string | null} identity of the log that `applied` counts in */
  #epoch = null;
  /** @type {number | null} seq of the last event in `state`; null: there is no state yet */
  #applied = null;

  /** @param {{state: object, cursor: Cursor} | null} kept what an earlier replica saved */
  constructor(kept = null) {
    if (kept === null) return;
    this.state = State.fromSnapshot(kept.state, kept.cursor.seq);
    this.#epoch = kept.cursor.epoch;
    this.#applied = kept.cursor.seq;
  }

  /** seq of the last event in the state, or null without a state. */
  get applied() {
    return this.#applied;
  }

  /** @returns {Cursor | null} where to resume from; null without a state */
  get cursor() {
    if (this.#applied === null || this.#epoch === null) return null;
    return { epoch: this.#epoch, seq: this.#applied };
  }

  /** What to keep for a later replica, or null without a state. */
  save() {
    const cursor = this.cursor;
    return cursor === null ? null : { state: this.state.snapshot(), cursor };
  }

  /** Forget state and cursor. */
  drop() {
    this.state = new State();
    this.#applied = null;
  }

  /**
   * Take the server's greeting: it decides whether the state that is here goes on.
   *
   * @param {{epoch: string, mode: string}} frame
   * @returns {boolean} false: it resumes from a state that is not here
   */
  welcome({ epoch, mode }) {
    const same = this.#epoch === epoch;
    this.#epoch = epoch;
    if (mode === "resumed") return same && this.#applied !== null;
    this.drop();
    if (mode === "fresh") this.#applied = 0;
    return true;
  }

  /**
   * Replace the state.
   *
   * @param {{at: number, state: object}} frame
   */
  snapshot({ at, state }) {
    this.state = State.fromSnapshot(state, at);
    this.#applied = at;
  }

  /**
   * Offer an event, merged or not. It is applied only on top of its predecessor.
   *
   * @param {{seq: number, seq_from?: number}} event
   * @returns {"applied" | "dropped" | "hole"}
   * @throws whatever the fold throws; state and cursor are not to be used afterwards
   */
  offer(event) {
    if (this.#applied === null) return "hole";
    if (event.seq <= this.#applied) return "dropped";
    if ((event.seq_from ?? event.seq) !== this.#applied + 1) return "hole";
    this.state.apply(event);
    this.#applied = event.seq;
    return "applied";
  }
}
