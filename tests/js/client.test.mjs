import assert from "node:assert/strict";
import { test } from "node:test";
import { NetraClient, NetraError } from "../../netra_actors/web/static/netra-client.js";
import { ManualClock, emptyState, event, fakeWebSockets, settle, welcome } from "./doubles.mjs";

async function connected({ frames = [welcome(), { type: "replay_end", seq: 0 }], ...options } = {}) {
  const { sockets, FakeWebSocket } = fakeWebSockets();
  const clock = new ManualClock();
  let serial = 0;
  const client = new NetraClient({
    url: "ws://host/ws", token: "t1", WebSocket: FakeWebSocket, clock, random: () => 0.5, newId: () => `cmd_${++serial}`, ...options,
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

async function comeBack(sockets, frames) {
  await settle();
  const socket = sockets.at(-1);
  socket.open();
  socket.say(...frames);
  return socket;
}

test("the address says hello and the token goes in a subprotocol", async () => {
  const { socket, client } = await connected();
  assert.equal(socket.url, "ws://host/ws?cursor=none");
  assert.deepEqual(socket.protocols, ["netra.v1", "jwt.t1"]);
  assert.deepEqual(socket.sent, []);
  assert.equal(client.status.status, "live");
});

test("with a device the hello is a frame", async () => {
  const { socket } = await connected({ device: "phone", thread_id: "thr_9" });
  assert.equal(socket.url, "ws://host/ws");
  assert.deepEqual(socket.sent[0], { type: "hello", cursor: null, device: "phone", thread_id: "thr_9" });
});

test("events are applied in order, as objects, arrays and merged frames, each once", async () => {
  const { client, socket, seen } = await connected();
  socket.say(event(1), [event(2), event(3)], event(2), event(6, "partial_result", { content: "x", is_complete: false }, { seq_from: 4 }));
  assert.deepEqual(seen, [1, 2, 3, 6]);
  assert.deepEqual(client.cursor, { epoch: "e_1", seq: 6 });
});

test("an unknown type counts as applied, and what has no seq does not", async () => {
  const { client, socket } = await connected();
  socket.say(event(1, "of_a_later_release"), { type: "unheard_of" });
  assert.equal(client.cursor.seq, 1);
});

test("a snapshot replaces the state, at any time", async () => {
  const { client, socket, seen } = await connected({
    frames: [welcome({ mode: "snapshot", head: 9 }), { type: "snapshot", at: 9, state: emptyState() }, { type: "replay_end", seq: 9 }],
  });
  const threads = [{ thread_id: "thr_5", title: "Later", created_at: 1, updated_at: 2 }];
  socket.say(event(10), { type: "snapshot", at: 40, state: { ...emptyState(), threads } }, event(41));
  assert.deepEqual(seen, [10, 41]);
  assert.deepEqual(client.state.threads, threads);
});

test("a hole asks for a resync once, ignores what was on its way, and heals", async () => {
  const { client, socket, seen } = await connected();
  socket.say(event(1), event(3), event(4));
  assert.deepEqual(socket.take("resync"), [{ type: "resync", from: 1 }]);
  socket.say(event(2), event(3), event(4), { type: "replay_end", seq: 4 });
  assert.deepEqual(seen, [1, 2, 3, 4]);
  assert.equal(client.status.status, "live");
});

test("a second hole reconnects and resumes from the cursor", async () => {
  const { socket, sockets, client, clock } = await connected();
  socket.say(event(2), event(1), { type: "replay_end", seq: 1 }, event(3));
  assert.equal(client.status.reason, "hole");
  await clock.advance(0);
  assert.equal(sockets.length, 2);
  assert.equal(sockets[1].url, "ws://host/ws?cursor=e_1%3A1");
});

test("a resync that is not answered reconnects", async () => {
  const { socket, sockets, clock } = await connected();
  socket.say(event(2));
  await clock.advance(8_000);
  assert.equal(sockets.length, 2);
});

test("a heartbeat whose sent is not what was applied is a hole; a later head is not", async () => {
  const { socket } = await connected();
  socket.say(event(1), { type: "heartbeat", head: 50, sent: 1 });
  assert.deepEqual(socket.take("resync"), []);
  socket.say({ type: "heartbeat", head: 50, sent: 2 });
  assert.deepEqual(socket.take("resync"), [{ type: "resync", from: 1 }]);
});

test("a replay that ends elsewhere is a hole", async () => {
  const { socket, client } = await connected({ frames: [welcome({ head: 2 }), event(1), { type: "replay_end", seq: 2 }] });
  assert.deepEqual(socket.take("resync"), [{ type: "resync", from: 1 }]);
  assert.equal(client.status.status, "syncing");
});

test("silence of a heartbeat and its grace reconnects; any frame puts it off", async () => {
  const { socket, sockets, clock, client } = await connected();
  await clock.advance(32_000);
  socket.say({ type: "heartbeat", head: 0, sent: 0 });
  await clock.advance(32_900);
  assert.equal(sockets.length, 1);
  await clock.advance(200);
  assert.equal(sockets.length, 2);
  assert.equal(socket.closedWith, "no code");
  assert.equal(client.status.status, "connecting");
});

test("a connection that is never welcomed is given up", async () => {
  const { sockets, clock } = await connected({ frames: [] });
  await clock.advance(15_000);
  assert.equal(sockets.length, 2);
});

test("attempts wait: none, then 0.5 s doubling to 30 s, with full jitter", async () => {
  const { sockets, clock, client } = await connected();
  const waits = [];
  for (let attempt = 0; attempt < 9; attempt++) {
    sockets.at(-1).end(1006);
    waits.push(client.status.retry_at - clock.now());
    await clock.advance(waits.at(-1));
  }
  assert.deepEqual(waits, [0, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
});

test("the back-off starts anew only after a connection has proved itself", async () => {
  const { sockets, clock, client } = await connected();
  sockets[0].end(1006);
  await clock.advance(0);
  const again = [welcome({ mode: "resumed" }), { type: "replay_end", seq: 0 }];
  await comeBack(sockets, again);
  sockets[1].end(1006);
  assert.equal(client.status.retry_at - clock.now(), 250);
  await clock.advance(250);
  await comeBack(sockets, again);
  await clock.advance(5_000);
  sockets[2].end(1006);
  assert.equal(client.status.retry_at - clock.now(), 0);
});

for (const [code, expected] of [
  [1000, { status: "stopped", reason: "left" }], [1001, { status: "waiting", wait: 0 }], [1011, { status: "waiting", wait: 0 }],
  [1012, { status: "waiting", wait: 0 }], [4001, { status: "waiting", wait: 0 }], [4008, { status: "waiting", wait: 0 }],
  [4012, { status: "waiting", wait: 0 }], [4029, { status: "waiting", wait: 30_000 }], [4050, { status: "waiting", wait: 250 }],
  [4077, { status: "waiting", wait: 0 }], [4403, { status: "stopped", reason: "forbidden" }], [4409, { status: "waiting", wait: 0 }],
  [4413, { status: "stopped", reason: "frame_too_large" }], [4429, { status: "stopped", reason: "limit" }], [4477, { status: "stopped", reason: "refused" }],
]) {
  test(`close code ${code}: ${expected.status}`, async () => {
    const { socket, client, clock } = await connected();
    socket.end(code);
    assert.equal(client.status.status, expected.status);
    if (expected.reason !== undefined) assert.equal(client.status.reason, expected.reason);
    if (expected.wait !== undefined) assert.equal(client.status.retry_at - clock.now(), expected.wait);
  });
}

test("draining says how long to stay away", async () => {
  const { socket, client, clock } = await connected();
  socket.say({ type: "draining", reconnect_after_ms: 1_700 });
  socket.end(4001);
  assert.equal(client.status.retry_at - clock.now(), 1_700);
});

test("an impossible cursor is dropped with its state", async () => {
  const { socket, sockets, client, clock } = await connected();
  socket.say(event(1));
  socket.end(4409);
  assert.equal(client.cursor, null);
  await clock.advance(0);
  assert.equal(sockets[1].url, "ws://host/ws?cursor=none");
});

test("resuming into another epoch starts from nothing", async () => {
  const { socket, sockets, client, clock } = await connected();
  socket.say(event(1));
  socket.end(1006);
  await clock.advance(0);
  await comeBack(sockets, [welcome({ mode: "resumed", epoch: "e_2" })]);
  assert.equal(client.cursor, null);
  assert.equal(client.status.status, "waiting");
});

test("4401 asks the provider for another token; after three refusals it stops", async () => {
  const asked = [];
  const { sockets, client, clock } = await connected({ token: async (why) => `t${asked.push(why)}` });
  for (let refusal = 0; refusal < 3; refusal++) {
    sockets.at(-1).end(4401);
    await clock.advance(1_000);
  }
  assert.deepEqual(asked, [{ rejected: false }, { rejected: true }, { rejected: true }]);
  assert.deepEqual(sockets.map((socket) => socket.protocols[1]), ["jwt.t1", "jwt.t2", "jwt.t3"]);
  assert.deepEqual([client.status.status, client.status.reason], ["stopped", "unauthorized"]);
});

test("a fixed token that is refused signs out", async () => {
  const { socket, client, clock } = await connected();
  socket.end(4401);
  await clock.advance(0);
  assert.deepEqual([client.status.status, client.status.reason], ["stopped", "signed_out"]);
});

test("a token that runs out is renewed on the open connection", async () => {
  let serial = 0;
  const { socket } = await connected({ token: () => `t${++serial}` });
  socket.say({ type: "token_expiring", in_s: 60 });
  await settle();
  assert.deepEqual(socket.take("auth"), [{ type: "auth", token: "t2" }]);
});

test("a provider that cannot be reached is tried again", async () => {
  let calls = 0;
  const token = () => (++calls === 1 ? Promise.reject(new Error("down")) : "t2");
  const { client, sockets, clock } = await connected({ token, frames: [] });
  assert.deepEqual([client.status.status, client.status.reason, sockets.length], ["waiting", "token", 0]);
  await clock.advance(250);
  assert.equal(sockets.length, 1);
});

test("a command waits for its answer, and an error is an Error with code, field and recovery", async () => {
  const { client, socket } = await connected();
  const sent = client.sendMessage("Why?", { thread_id: "thr_1", message_id: "msg_1" });
  const refused = client.request("rename_thread", { thread_id: "thr_1", title: "" });
  assert.deepEqual(socket.sent[0], { type: "user_message", message_id: "msg_1", payload: { content: "Why?", thread_id: "thr_1" } });
  socket.say(
    { type: "error", message_id: "cmd_1", re: "rename_thread", error: "invalid_field", message: "no", recovery: "Give it a title.", field: "payload.title", recoverable: true },
    { type: "ok", message_id: "msg_1", re: "user_message", at: 3, run_id: "run_1" },
  );
  assert.equal((await sent).run_id, "run_1");
  await assert.rejects(refused, (error) => error instanceof NetraError && error.code === "invalid_field" && error.field === "payload.title" && error.recovery === "Give it a title.");
});

test("unanswered commands are sent again after a reconnect, with the same ids and in order", async () => {
  const { client, socket, sockets, clock } = await connected();
  const first = client.request("list_threads");
  const second = client.sendMessage("Why?", { message_id: "msg_2" });
  const third = client.request("list_threads");
  socket.say({ type: "ok", message_id: "cmd_1", re: "list_threads", threads: [] });
  await first;
  socket.end(1006);
  await clock.advance(0);
  const again = await comeBack(sockets, [welcome({ mode: "resumed" })]);
  assert.deepEqual(again.sent.map((command) => command.message_id), ["msg_2", "cmd_2"]);
  again.say({ type: "ok", message_id: "msg_2", re: "user_message", duplicate: true }, { type: "ok", message_id: "cmd_2", re: "list_threads" });
  assert.equal((await second).duplicate, true);
  await third;
  assert.equal(client.unanswered, 0);
});

test("what is asked while there is no connection goes out with the welcome", async () => {
  const { client, socket } = await connected({ frames: [] });
  const reply = client.request("list_threads");
  assert.deepEqual(socket.sent, []);
  socket.say(welcome());
  assert.equal(socket.sent.length, 1);
  socket.say({ type: "ok", message_id: "cmd_1", re: "list_threads" });
  await reply;
});

test("a stop may name a message that is still waiting itself", async () => {
  const { client, socket } = await connected();
  const sent = client.sendMessage("Why?", { message_id: "msg_1" });
  const stopped = client.stop({ message_id: "msg_1" });
  assert.deepEqual(socket.sent[1], { type: "stop_agent", message_id: "msg_1", payload: {} });
  socket.say({ type: "ok", message_id: "msg_1", re: "stop_agent", pending: true }, { type: "ok", message_id: "msg_1", re: "user_message" });
  assert.equal((await stopped).pending, true);
  await sent;
});

test("a command that is too large for a frame is refused here", async () => {
  const { client, socket } = await connected();
  await assert.rejects(client.sendMessage("é".repeat(5_000)), { code: "message_too_large" });
  assert.deepEqual(socket.sent, []);
});

test("more than 256 unanswered commands are refused", async () => {
  const { client } = await connected();
  const replies = Array.from({ length: 256 }, () => client.request("list_threads").catch(() => {}));
  await assert.rejects(client.request("list_threads"), { code: "busy" });
  client.close();
  await Promise.all(replies);
});

test("a command may have a timeout of its own", async () => {
  const { client, clock } = await connected();
  const reply = client.request("list_threads", {}, { timeout_ms: 100 });
  const refused = assert.rejects(reply, { code: "timeout" });
  await clock.advance(100);
  await refused;
  assert.equal(client.unanswered, 0);
});

test("closing says 1000, fails what waits and ends the iterators", async () => {
  const { client, socket, clock } = await connected();
  const reply = client.request("list_threads");
  const ended = client.events().next();
  client.close();
  assert.equal(socket.closedWith, 1000);
  await assert.rejects(reply, { code: "closed" });
  assert.deepEqual(await ended, { value: undefined, done: true });
  assert.equal(clock.pending, 0);
});

test("commands outlive a stop that the user can end", async () => {
  const { client, socket, sockets } = await connected();
  const reply = client.request("list_threads");
  socket.end(4429);
  client.reconnectNow();
  const again = await comeBack(sockets, [welcome({ mode: "resumed" })]);
  again.say({ type: "ok", message_id: "cmd_1", re: "list_threads" });
  await reply;
});

test("events can be iterated, and leaving the loop lets go", async () => {
  const { client, socket } = await connected();
  const reader = client.events();
  socket.say(event(1), event(2));
  const seqs = [];
  for await (const { seq } of reader) {
    seqs.push(seq);
    if (seq === 2) break;
  }
  assert.deepEqual(seqs, [1, 2]);
  socket.say(event(3));
  assert.deepEqual(await reader.next(), { value: undefined, done: true });
});

test("a reader that falls too far behind is told so instead of getting a hole", async () => {
  const { client, socket } = await connected();
  const reader = client.events({ limit: 2 });
  socket.say([event(1), event(2), event(3)]);
  await assert.rejects(reader.next(), { code: "overflow" });
  assert.equal((await reader.next()).done, true);
});

test("acks go out a second after the first unacknowledged event, or every 256 KiB", async () => {
  const { socket, clock } = await connected();
  socket.say(event(1));
  await clock.advance(600);
  socket.say(event(2));
  await clock.advance(400);
  assert.deepEqual(socket.take("ack"), [{ type: "ack", seq: 2 }]);
  await clock.advance(5_000);
  assert.equal(socket.take("ack").length, 1);
  for (let seq = 3; seq < 7; seq++) socket.say(event(seq, "custom", { name: "n", data: "é".repeat(35_000) }));
  assert.deepEqual(socket.take("ack").at(-1), { type: "ack", seq: 6 });
});

test("above 256 events a second acks go out every 5 s", async () => {
  const { socket, clock } = await connected();
  socket.say(Array.from({ length: 400 }, (_, index) => event(index + 1)));
  await clock.advance(1_000);
  assert.equal(socket.take("ack").length, 1);
  socket.say(event(401));
  await clock.advance(4_000);
  assert.equal(socket.take("ack").length, 1);
  await clock.advance(1_000);
  assert.deepEqual(socket.take("ack").at(-1), { type: "ack", seq: 401 });
});

test("a fold that throws stops the client and says so", async () => {
  const { client, socket, failures, clock } = await connected();
  socket.say(event(1, "thread_created", {}), event(2));
  assert.deepEqual([client.status.status, client.status.reason], ["stopped", "fold_failed"]);
  assert.equal(failures.length, 1);
  assert.equal(client.cursor, null);
  assert.equal(clock.pending, 0);
  client.reconnectNow();
  await settle();
  assert.equal(client.status.status, "connecting");
});

test("a frame that is not JSON reconnects", async () => {
  const { socket, client } = await connected();
  socket.onmessage({ data: "{" });
  assert.deepEqual([client.status.status, client.status.reason], ["waiting", "unreadable_frame"]);
});

test("state and cursor can be kept, together, and resumed from", async () => {
  const { client, socket } = await connected();
  socket.say(event(1, "thread_created", { title: "Costs" }));
  const kept = JSON.parse(JSON.stringify(client.save()));
  const later = await connected({ kept, frames: [welcome({ mode: "resumed", head: 1 }), { type: "replay_end", seq: 1 }] });
  assert.equal(later.socket.url, "ws://host/ws?cursor=e_1%3A1");
  assert.deepEqual(later.client.state.snapshot(), client.state.snapshot());
  assert.equal((await connected({ frames: [] })).client.save(), null);
});

test("an error that answers nothing is a notice, and typing is passed on", async () => {
  const { client, socket } = await connected();
  const seen = [];
  for (const type of ["notice", "typing"]) client.addEventListener(type, ({ detail }) => seen.push([type, detail.type]));
  socket.say({ type: "error", error: "rate_limited", message: "slow down" }, { type: "typing_indicator", thread_id: "thr_1", is_typing: true });
  assert.deepEqual(seen, [["notice", "error"], ["typing", "typing_indicator"]]);
  assert.equal(client.tell("typing", { thread_id: "thr_1", is_typing: true }), true);
});

test("reconnecting by hand does not wait, and does nothing on a good connection", async () => {
  const { client, socket, sockets, clock } = await connected();
  client.reconnectNow();
  assert.equal(sockets.length, 1);
  socket.end(4029);
  client.reconnectNow();
  await settle();
  assert.equal(sockets.length, 2);
  await clock.advance(14_000);
  assert.equal(sockets.length, 2);
});
