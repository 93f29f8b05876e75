/** The client over real sockets: the WebSocket class is given, as under Node it has to be. */

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after, before, test } from "node:test";
import { NetraClient } from "../../netra_actors/web/static/netra-client.js";
import { emptyState, event, welcome } from "./doubles.mjs";
import { NodeWebSocket, acceptUpgrade } from "./websocket.mjs";

const server = http.createServer();
const connections = [];
const waiting = [];

server.on("upgrade", (request, socket) => {
  const connection = { request, commands: [], wanted: new Map() };
  Object.assign(
    connection,
    acceptUpgrade(request, socket, {
      protocol: "netra.v1",
      onText: (text) => connection.commands.push(JSON.parse(text)),
      onClose: (code) => (connection.code = code),
    }),
  );
  connections.push(connection);
  waiting.shift()?.(connection);
});

const nextConnection = () => new Promise((resolve) => waiting.push(resolve));
const say = (connection, ...frames) =>
  frames.forEach((frame) => connection.send(JSON.stringify(frame)));
const until = (client, type) =>
  new Promise((resolve) =>
    client.addEventListener(type, ({ detail }) => resolve(detail), { once: true }),
  );

before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
after(() => {
  for (const connection of connections) connection.destroy();
  server.close();
});

test("a client connects, is cut off, resumes and leaves, over real sockets", async () => {
  const client = new NetraClient({
    url: `ws://127.0.0.1:${server.address().port}/ws`,
    token: "t1",
    WebSocket: NodeWebSocket,
  });
  const seen = [];
  client.addEventListener("event", ({ detail }) => seen.push(detail.seq));
  let arrived = nextConnection();
  client.connect();
  const first = await arrived;
  assert.equal(first.request.headers["sec-websocket-protocol"], "netra.v1, jwt.t1");
  assert.equal(first.request.url, "/ws?cursor=none");
  let live = until(client, "live");
  say(
    first,
    welcome({ mode: "snapshot", head: 5 }),
    { type: "snapshot", at: 5, state: emptyState() },
    { type: "replay_end", seq: 5 },
  );
  await live;
  const reply = client.sendMessage("Why? ".repeat(100), { message_id: "msg_1" });
  const large = event(6, "custom", { name: "large", data: "é".repeat(50_000) });
  const applied = until(client, "event");
  say(first, large);
  await applied;
  arrived = nextConnection();
  first.destroy();
  const second = await arrived;
  assert.equal(second.request.url, "/ws?cursor=e_1%3A6");
  live = until(client, "live");
  say(
    second,
    welcome({ mode: "resumed", head: 7 }),
    [event(7)],
    { type: "replay_end", seq: 7 },
    { type: "ok", message_id: "msg_1", re: "user_message", run_id: "run_1" },
  );
  await live;
  assert.equal((await reply).run_id, "run_1");
  assert.deepEqual(seen, [6, 7]);
  client.close();
  while (second.code === undefined) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(second.code, 1000);
  assert.deepEqual(
    second.commands.map((command) => command.message_id),
    ["msg_1"],
  );
});
