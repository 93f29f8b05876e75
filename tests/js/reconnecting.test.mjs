import assert from "node:assert/strict";
import { test } from "node:test";
import { comeBack, connected, event, settle, welcome } from "./doubles.mjs";

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
  [1000, { status: "stopped", reason: "left" }],
  [1001, { status: "waiting", wait: 0 }],
  [1011, { status: "waiting", wait: 0 }],
  [1012, { status: "waiting", wait: 0 }],
  [4001, { status: "waiting", wait: 0 }],
  [4008, { status: "waiting", wait: 0 }],
  [4012, { status: "waiting", wait: 0 }],
  [4029, { status: "waiting", wait: 30_000 }],
  [4050, { status: "waiting", wait: 250 }],
  [4077, { status: "waiting", wait: 0 }],
  [4403, { status: "stopped", reason: "forbidden" }],
  [4409, { status: "waiting", wait: 0 }],
  [4413, { status: "stopped", reason: "frame_too_large" }],
  [4429, { status: "stopped", reason: "limit" }],
  [4477, { status: "stopped", reason: "refused" }],
]) {
  test(`close code ${code}: ${expected.status}`, async () => {
    const { socket, client, clock } = await connected();
    socket.end(code);
    assert.equal(client.status.status, expected.status);
    if (expected.reason !== undefined) assert.equal(client.status.reason, expected.reason);
    if (expected.wait !== undefined)
      assert.equal(client.status.retry_at - clock.now(), expected.wait);
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
  const { sockets, client, clock } = await connected({
    token: async (why) => `t${asked.push(why)}`,
  });
  for (let refusal = 0; refusal < 3; refusal++) {
    sockets.at(-1).end(4401);
    await clock.advance(1_000);
  }
  assert.deepEqual(asked, [{ rejected: false }, { rejected: true }, { rejected: true }]);
  assert.deepEqual(
    sockets.map((socket) => socket.protocols[1]),
    ["jwt.t1", "jwt.t2", "jwt.t3"],
  );
  assert.deepEqual([client.status.status, client.status.reason], ["stopped", "unauthorized"]);
});

test("a token that no subprotocol can hold goes as base64url", async () => {
  const { socket } = await connected({ token: "né one" });
  assert.equal(socket.protocols[1], "jwt.bsOpIG9uZQ");
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
  assert.deepEqual(
    [client.status.status, client.status.reason, sockets.length],
    ["waiting", "token", 0],
  );
  await clock.advance(250);
  assert.equal(sockets.length, 1);
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
