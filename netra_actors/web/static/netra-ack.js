/**
 * When to acknowledge: every 256 KiB, or 1 s after the first event that is not acknowledged
 * yet (5 s above 256 events a second). Acknowledging opens the server's window.
 */

const ACK_BYTES = 256 * 1024;
const QUIET_DELAY_MS = 1_000;
const BUSY_DELAY_MS = 5_000;
const BUSY_EVENTS_PER_S = 256;

/** Counts what was applied and calls `send(seq)` when an `ack` is due. */
export class Acker {
  #clock;
  #send;
  #timer = null;
  #bytes = 0;
  #events = 0;
  #since = 0;
  #delay = QUIET_DELAY_MS;
  #seq = 0;

  /**
   * @param {{clock: object, send: (seq: number) => void}} parts
   */
  constructor({ clock, send }) {
    this.#clock = clock;
    this.#send = send;
  }

  /**
   * Note that everything up to *seq* is applied.
   *
   * @param {number} seq
   * @param {number} events how many events that is since the last note
   * @param {number} bytes how many bytes on the wire
   */
  note(seq, events, bytes) {
    this.#seq = seq;
    this.#bytes += bytes;
    this.#events += events;
    if (this.#timer === null) {
      this.#since = this.#clock.now();
      this.#timer = this.#clock.setTimeout(() => this.flush(), this.#delay);
    }
    // A hidden tab's timers are late, its messages are not: look at the clock as well.
    const due = this.#clock.now() - this.#since >= this.#delay;
    if (this.#bytes >= ACK_BYTES || due) this.flush();
  }

  /** Acknowledge now what is not acknowledged yet. */
  flush() {
    if (this.#timer === null) return;
    const elapsed = Math.max(1, this.#clock.now() - this.#since);
    const busy = (this.#events * 1_000) / Math.max(elapsed, QUIET_DELAY_MS) > BUSY_EVENTS_PER_S;
    this.#delay = busy ? BUSY_DELAY_MS : QUIET_DELAY_MS;
    this.close();
    this.#send(this.#seq);
  }

  /** Forget what is not acknowledged: the connection is over. */
  close() {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
    this.#bytes = 0;
    this.#events = 0;
  }
}
