import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, emptyState, event, settle, welcome } from "./doubles.mjs";

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
  assert.deepEqual(socket.sent[0], {
    type: "hello",
    cursor: null,
    device: "phone",
    thread_id: "thr_9",
  });
});

test("events are applied in order, as objects, arrays and merged frames, each once", async () => {
  const { client, socket, seen } = await connected();
  socket.say(
    event(1),
    [event(2), event(3)],
    event(2),
    event(6, "partial_result", { content: "x", is_complete: false }, { seq_from: 4 }),
  );
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
    frames: [
      welcome({ mode: "snapshot", head: 9 }),
      { type: "snapshot", at: 9, state: emptyState() },
      { type: "replay_end", seq: 9 },
    ],
  });
  const threads = [{ thread_id: "thr_5", title: "Later", created_at: 1, updated_at: 2 }];
  socket.say(
    event(10),
    { type: "snapshot", at: 40, state: { ...emptyState(), threads } },
    event(41),
  );
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
  const { socket, client } = await connected({
    frames: [welcome({ head: 2 }), event(1), { type: "replay_end", seq: 2 }],
  });
  assert.deepEqual(socket.take("resync"), [{ type: "resync", from: 1 }]);
  assert.equal(client.status.status, "syncing");
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
  for (let seq = 3; seq < 7; seq++)
    socket.say(event(seq, "custom", { name: "n", data: "é".repeat(35_000) }));
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
  const later = await connected({
    kept,
    frames: [welcome({ mode: "resumed", head: 1 }), { type: "replay_end", seq: 1 }],
  });
  assert.equal(later.socket.url, "ws://host/ws?cursor=e_1%3A1");
  assert.deepEqual(later.client.state.snapshot(), client.state.snapshot());
  assert.equal((await connected({ frames: [] })).client.save(), null);
});

test("an error that answers nothing is a notice, and typing is passed on", async () => {
  const { client, socket } = await connected();
  const seen = [];
  for (const type of ["notice", "typing"])
    client.addEventListener(type, ({ detail }) => seen.push([type, detail.type]));
  socket.say(
    { type: "error", error: "rate_limited", message: "slow down" },
    { type: "typing_indicator", thread_id: "thr_1", is_typing: true },
  );
  assert.deepEqual(seen, [
    ["notice", "error"],
    ["typing", "typing_indicator"],
  ]);
  assert.equal(client.tell("typing", { thread_id: "thr_1", is_typing: true }), true);
});
