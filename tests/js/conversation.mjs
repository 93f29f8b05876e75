/**
 * One conversation with a real service: `node conversation.mjs <ws url> <token> <question>`.
 * Prints what a test compares, as one line of JSON.
 */

import { NetraClient } from "../../netra_actors/web/static/netra-client.js";
import { NodeWebSocket } from "./websocket.mjs";

const [url, token, question] = process.argv.slice(2);
const client = new NetraClient({ url, token, WebSocket: NodeWebSocket, device: "node" });
const events = client.events();
client.connect();
const { run_id } = await client.sendMessage(question);
const seen = [];
let terminal = null;
for await (const event of events) {
  seen.push({ seq: event.seq, seq_from: event.seq_from ?? event.seq, type: event.type });
  if (event.type === "agent_completed" && event.run_id === run_id) {
    terminal = event.payload;
    break;
  }
}
const { state, cursor } = client.save();
client.close();
console.log(JSON.stringify({ seen, terminal, state, cursor }));
