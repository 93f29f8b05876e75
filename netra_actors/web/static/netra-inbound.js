/**
 * What the frames of one connection mean for the replica: order, holes, replay, heartbeat.
 * A hole is answered with `resync` once; another one, or no answer, ends the connection.
 */

/** Milliseconds that a `resync` may take to bring its first event. */
export const RESYNC_MS = 8_000;

/**
 * The frames of one connection.
 *
 * Hooks: `welcome(frame)`, `event(event)`, `snapshot(frame)`, `live(frame)`, `reply(frame)`,
 * `control(frame)`, `broken(reason)` (reconnect; `reason` "cursor" asks to drop the state)
 * and `failed(error)` (the fold threw).
 */
export class Inbound {
  #replica;
  #acker;
  #hooks;
  #clock;
  #send;
  #timer = null;
  /** @type {"unused" | "asked" | "replaying" | "used"} */
  #resync = "unused";
  #live = false;
  #over = false;

  /**
   * @param {object} parts
   * @param {import("./netra-replica.js").Replica} parts.replica
   * @param {import("./netra-ack.js").Acker} parts.acker
   * @param {object} parts.clock
   * @param {(command: object) => void} parts.send
   * @param {object} parts.hooks
   */
  constructor({ replica, acker, clock, send, hooks }) {
    this.#replica = replica;
    this.#acker = acker;
    this.#clock = clock;
    this.#send = send;
    this.#hooks = hooks;
  }

  /**
   * Take one frame: an object, or an array of log events in order.
   *
   * @param {object | object[]} frame
   * @param {number} bytes its size on the wire
   */
  take(frame, bytes) {
    const batch = Array.isArray(frame) ? frame : [frame];
    const share = bytes / Math.max(1, batch.length);
    for (const one of batch) {
      if (this.#over) return;
      if (one === null || typeof one !== "object") this.#break("unreadable_frame");
      else this.#one(one, share);
    }
  }

  /** The connection is over. */
  close() {
    this.#over = true;
    this.#acker.close();
    this.#settle();
  }

  #one(frame, bytes) {
    switch (frame.type) {
      case "welcome":
        if (this.#replica.welcome(frame)) this.#hooks.welcome(frame);
        else this.#break("cursor");
        return;
      case "snapshot":
        this.#snapshot(frame, bytes);
        return;
      case "replay_end":
        this.#replayEnd(frame);
        return;
      case "heartbeat":
      case "pong":
        if (this.#live && typeof frame.sent === "number") this.#check(frame.sent);
        this.#hooks.control(frame);
        return;
      case "ok":
      case "error":
        this.#hooks.reply(frame);
        return;
      default:
        if (typeof frame.seq === "number") this.#event(frame, bytes);
        else this.#hooks.control(frame);
    }
  }

  #event(event, bytes) {
    let verdict;
    try {
      verdict = this.#replica.offer(event);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (verdict === "hole") {
      this.#hole();
    } else if (verdict === "applied") {
      if (this.#resync === "asked") this.#resync = "replaying";
      const events = event.seq - (event.seq_from ?? event.seq) + 1;
      this.#acker.note(event.seq, events, bytes);
      this.#hooks.event(event);
    }
  }

  #snapshot(frame, bytes) {
    try {
      this.#replica.snapshot(frame);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#resync === "asked") this.#resync = "replaying";
    this.#acker.note(frame.at, 1, bytes);
    this.#hooks.snapshot(frame);
  }

  #replayEnd(frame) {
    if (frame.seq !== this.#replica.applied) {
      this.#hole();
      return;
    }
    if (this.#resync !== "unused") this.#resync = "used";
    this.#settle();
    this.#live = true;
    this.#hooks.live(frame);
  }

  #check(sent) {
    if (sent !== this.#replica.applied) this.#hole();
  }

  #hole() {
    if (this.#resync === "unused" && this.#replica.applied !== null) {
      this.#resync = "asked";
      this.#timer = this.#clock.setTimeout(() => this.#break("hole"), RESYNC_MS);
      this.#send({ type: "resync", from: this.#replica.applied });
    } else if (this.#resync !== "asked") {
      this.#break("hole");
    }
    // While asked: these frames were on their way before the server read the resync.
  }

  #settle() {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #break(reason) {
    this.close();
    this.#hooks.broken(reason);
  }

  #fail(error) {
    this.close();
    this.#hooks.failed(error);
  }
}
