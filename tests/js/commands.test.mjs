import assert from "node:assert/strict";
import { test } from "node:test";
import { NetraError } from "../../netra_actors/web/static/netra-client.js";
import { comeBack, connected, welcome } from "./doubles.mjs";

test("a command waits for its answer, and an error is an Error with code, field and recovery", async () => {
  const { client, socket } = await connected();
  const sent = client.sendMessage("Why?", { thread_id: "thr_1", message_id: "msg_1" });
  const refused = client.request("rename_thread", { thread_id: "thr_1", title: "" });
  assert.deepEqual(socket.sent[0], {
    type: "user_message",
    message_id: "msg_1",
    payload: { content: "Why?", thread_id: "thr_1" },
  });
  socket.say(
    {
      type: "error",
      message_id: "cmd_1",
      re: "rename_thread",
      error: "invalid_field",
      message: "no",
      recovery: "Give it a title.",
      field: "payload.title",
      recoverable: true,
    },
    { type: "ok", message_id: "msg_1", re: "user_message", at: 3, run_id: "run_1" },
  );
  assert.equal((await sent).run_id, "run_1");
  await assert.rejects(
    refused,
    (error) =>
      error instanceof NetraError &&
      error.code === "invalid_field" &&
      error.field === "payload.title" &&
      error.recovery === "Give it a title.",
  );
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
  assert.deepEqual(
    again.sent.map((command) => command.message_id),
    ["msg_2", "cmd_2"],
  );
  again.say(
    { type: "ok", message_id: "msg_2", re: "user_message", duplicate: true },
    { type: "ok", message_id: "cmd_2", re: "list_threads" },
  );
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
  socket.say(
    { type: "ok", message_id: "msg_1", re: "stop_agent", pending: true },
    { type: "ok", message_id: "msg_1", re: "user_message" },
  );
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
