/** Test doubles: a clock that is moved by hand, and a WebSocket whose server is the test. */

import { NetraClient } from "../../netra_actors/web/static/netra-client.js";

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
      const due = [...this.#timers]
        .filter(([, { at }]) => at <= until)
        .sort(([a, one], [b, two]) => one.at - two.at || a - b)[0];
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
  type: "welcome",
  connection_id: "conn_1",
  user_id: "u_1",
  epoch: "e_1",
  head: 0,
  mode: "fresh",
  heartbeat_s: 25,
  expires_in_s: 3_600,
  limits: { max_message_bytes: 8_192, window_bytes: 1_048_576 },
  plan: "mid",
  server_time: 0,
  ...facts,
});

export const event = (seq, type = "custom", payload = { name: "n", data: seq }, facts = {}) => ({
  type,
  seq,
  timestamp: seq,
  thread_id: "thr_1",
  run_id: "run_1",
  parent_run_id: null,
  message_id: "msg_1",
  payload,
  ...facts,
});

export const emptyState = () => ({ threads: [], messages: [], runs: [] });

/** A client whose first connection got these frames, with all that a test looks at. */
export async function connected({
  frames = [welcome(), { type: "replay_end", seq: 0 }],
  ...options
} = {}) {
  const { sockets, FakeWebSocket } = fakeWebSockets();
  const clock = new ManualClock();
  let serial = 0;
  const client = new NetraClient({
    url: "ws://host/ws",
    token: "t1",
    WebSocket: FakeWebSocket,
    clock,
    random: () => 0.5,
    newId: () => `cmd_${++serial}`,
    ...options,
  });
  const seen = [];
  const failures = [];
  client.addEventListener("event", ({ detail }) => seen.push(detail.seq));
  client.addEventListener("failure", ({ detail }) => failures.push(detail));
  client.connect();
  await settle();
  if (sockets.length > 0) {
    sockets[0].open();
    sockets[0].say(...frames);
  }
  return { client, clock, sockets, seen, failures, socket: sockets[0] };
}

/** Open the newest connection and say these frames on it. */
export async function comeBack(sockets, frames) {
  await settle();
  const socket = sockets.at(-1);
  socket.open();
  socket.say(...frames);
  return socket;
}

const sub = { run_id: "run_2", parent_run_id: "run_1" };
/** A whole run, with a tool and a sub-run in it. */
export const RUN = [
  event(1, "user_message", { content: "Why?", priority: "normal", policy: "enqueue" }),
  event(2, "agent_started", { agent_name: "analyst" }),
  event(3, "agent_thinking", { thought: "Reading", urgency: "low" }),
  event(4, "tool_executing", {
    call_id: "c1",
    tool_name: "load",
    tool_purpose: "read the log",
    parameters: { days: 14 },
  }),
  event(5, "subagent_started", { subagent_run_id: "run_2", subagent_name: "costs" }),
  event(6, "agent_started", { agent_name: "costs" }, sub),
  event(7, "agent_thinking", { thought: "Grouping", urgency: "low" }, sub),
  event(8, "tool_completed", {
    call_id: "c1",
    tool_name: "load",
    status: "success",
    result: 3,
    execution_time_ms: 12,
  }),
  event(9, "agent_completed", { status: "completed", duration_ms: 3, metrics: {} }, sub),
  event(10, "subagent_completed", {
    subagent_run_id: "run_2",
    subagent_name: "costs",
    status: "completed",
    duration_ms: 3,
  }),
  event(11, "partial_result", { content: "Be", is_complete: false }),
  event(12, "partial_result", { content: "cause", is_complete: true }),
  event(13, "final_report", {
    report: { cost_usd: 3 },
    recommendations: [],
    action_plan: [],
    total_duration_ms: 9,
  }),
  event(14, "agent_completed", {
    status: "completed",
    final_response: "Because",
    duration_ms: 9,
    metrics: {},
  }),
];

/** Apply events to timelines. */
export const fold = (timelines, events) => events.forEach((one) => timelines.apply(one));
