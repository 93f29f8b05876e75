/**
 * Policies of `netra.v1`: what each close code asks of a client, how long to wait before the
 * next attempt, and what an error looks like. Pure; chance is an argument.
 */

/** Close codes that the service itself uses. */
export const CloseCode = Object.freeze({
  LEFT: 1000,
  MOVED: 4001,
  TOO_SLOW: 4008,
  NO_HEARTBEAT: 4012,
  ABUSE: 4029,
  INTERNAL: 4050,
  UNAUTHORIZED: 4401,
  FORBIDDEN: 4403,
  IMPOSSIBLE_CURSOR: 4409,
  FRAME_TOO_LARGE: 4413,
  TOO_MANY: 4429,
});

/**
 * What to do after a close.
 *
 * `action`: `stop`, `reconnect`, `token` (get another token first) or `drop_cursor` (forget
 * the state first). `wait`: `first_at_once` (the usual back-off), `drain` (the delay that
 * `draining` gave), `back_off` (never at once) or `abuse` (30 s). `reason` is stable.
 *
 * @typedef {{action: string, wait: string, reason: string}} ClosePolicy
 */

const RECONNECT = (reason, wait = "first_at_once") => ({ action: "reconnect", wait, reason });
const STOP = (reason) => ({ action: "stop", wait: "first_at_once", reason });

const POLICIES = new Map([
  [CloseCode.LEFT, STOP("left")],
  [CloseCode.MOVED, RECONNECT("moved", "drain")],
  [CloseCode.TOO_SLOW, RECONNECT("too_slow")],
  [CloseCode.NO_HEARTBEAT, RECONNECT("no_heartbeat")],
  [CloseCode.ABUSE, RECONNECT("abuse", "abuse")],
  [CloseCode.INTERNAL, RECONNECT("internal", "back_off")],
  [CloseCode.UNAUTHORIZED, { action: "token", wait: "first_at_once", reason: "unauthorized" }],
  [CloseCode.FORBIDDEN, STOP("forbidden")],
  [CloseCode.IMPOSSIBLE_CURSOR, { action: "drop_cursor", wait: "first_at_once", reason: "cursor" }],
  [CloseCode.FRAME_TOO_LARGE, STOP("frame_too_large")],
  [CloseCode.TOO_MANY, STOP("limit")],
]);

/**
 * Say what a client does after a close with this code.
 *
 * @param {number} code the WebSocket close code
 * @returns {ClosePolicy}
 */
export function closePolicy(code) {
  const known = POLICIES.get(code);
  if (known !== undefined) return known;
  return code >= 4400 && code <= 4499 ? STOP("refused") : RECONNECT("lost");
}

/** Milliseconds to stay away after a close with 4029. */
export const ABUSE_WAIT_MS = 30_000;

/** Waiting times between attempts: first none, then 0.5 s doubling to 30 s, with full jitter. */
export class Backoff {
  #random;
  #failures = 0;

  /** @param {() => number} random a number in [0, 1) */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /**
   * Return how many milliseconds to wait before the next attempt, and count it.
   *
   * @param {{atOnce?: boolean}} options `atOnce: false` skips the attempt without waiting
   */
  next({ atOnce = true } = {}) {
    if (!atOnce && this.#failures === 0) this.#failures = 1;
    const failures = this.#failures++;
    if (failures === 0) return 0;
    const ceiling = Math.min(30_000, 500 * 2 ** Math.min(failures - 1, 16));
    return Math.floor(this.#random() * ceiling);
  }

  /** Forget the failures: the connection has proved itself. */
  reset() {
    this.#failures = 0;
  }
}

/**
 * An error of the service or of the client itself.
 *
 * `code` is stable (the protocol's table; or `closed`, `overflow`, `timeout`, `fold_failed`),
 * `message` says what happened, `recovery` what to do, `field` which field is at fault.
 */
export class NetraError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{recovery?: string, field?: string, recoverable?: boolean, retry_after_s?: number,
   *   run_id?: string, status?: number}} facts
   */
  constructor(code, message, facts = {}) {
    super(message);
    this.name = "NetraError";
    this.code = code;
    this.recovery = facts.recovery ?? "";
    this.recoverable = facts.recoverable ?? false;
    this.field = facts.field ?? null;
    this.retry_after_s = facts.retry_after_s ?? null;
    this.run_id = facts.run_id ?? null;
    this.status = facts.status ?? null;
  }

  /**
   * Read an error frame, or the body of an HTTP error.
   *
   * @param {Record<string, any>} frame
   * @param {number | null} status the HTTP status, where there is one
   */
  static from(frame, status = null) {
    const code = typeof frame?.error === "string" ? frame.error : "unavailable";
    const message = typeof frame?.message === "string" ? frame.message : "The request failed.";
    return new NetraError(code, message, { ...frame, status });
  }
}

/** Clock and timers of the machine; tests give their own. Times are milliseconds. */
export const systemClock = Object.freeze({
  now: () => Date.now(),
  setTimeout: (call, delay) => globalThis.setTimeout(call, delay),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
});
