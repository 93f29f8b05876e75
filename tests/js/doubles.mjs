/** Test doubles: a clock that is moved by hand, and a WebSocket whose server is the test. */

/** Virtual time. `advance` runs what is due, in order, and lets promises settle in between. */
export class ManualClock {
  #now = 1_000_000;
  #timers = new Map();
  #next = 1;

  now = () => this.#now;

  setTimeout = (call, delay = 0) => {
    const timer = this.#next++;
    this.#timers.set(timer, { call, at: this.#now + Math.max(0, delay) });
    return timer;
  };

  clearTimeout = (timer) => {
    this.#timers.delete(timer);
  };

  /** How many timers are set. */
  get pending() {
    return this.#timers.size;
  }

  async advance(ms) {
    const until = this.#now + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= until).sort(([a, one], [b, two]) => one.at - two.at || a - b)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].at);
      due[1].call();
      await settle();
    }
    this.#now = until;
  }
}

/** Let every promise that can settle do so. */
export async function settle() {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve();
}

/** Make a WebSocket class; `sockets` holds what was opened, oldest first. */
export function fakeWebSockets() {
  const sockets = [];
  class FakeWebSocket {
    readyState = 0;
    sent = [];
    closedWith = null;
    onopen = null;
    onmessage = null;
    onerror = null;
    onclose = null;

    constructor(url, protocols) {
      Object.assign(this, { url, protocols });
      sockets.push(this);
    }

    send(text) {
      this.sent.push(JSON.parse(text));
    }

    close(code) {
      this.closedWith = code ?? "no code";
      this.readyState = 2;
    }

    open() {
      this.readyState = 1;
      this.onopen?.({});
    }

    say(...frames) {
      for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
    }

    end(code, reason = "") {
      this.readyState = 3;
      this.onclose?.({ code, reason });
    }

    take(type) {
      return this.sent.filter((command) => command.type === type);
    }
  }
  return { sockets, FakeWebSocket };
}

export const welcome = (facts = {}) => ({
  type: "welcome", connection_id: "conn_1", user_id: "u_1", epoch: "e_1", head: 0, mode: "fresh", heartbeat_s: 25,
  expires_in_s: 3_600, limits: { max_message_bytes: 8_192, window_bytes: 1_048_576 }, plan: "mid", server_time: 0, ...facts,
});

export const event = (seq, type = "custom", payload = { name: "n", data: seq }, facts = {}) => ({
  type, seq, timestamp: seq, thread_id: "thr_1", run_id: "run_1", parent_run_id: null, message_id: "msg_1", payload, ...facts,
});

export const emptyState = () => ({ threads: [], messages: [], runs: [] });
