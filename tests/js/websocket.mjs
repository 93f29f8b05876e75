/**
 * A minimal WebSocket (RFC 6455) for tests: a client class with the browser's interface, and
 * the server's side of it. Text, ping, pong and close frames; no extensions, no fragments.
 */

import { createHash, randomBytes } from "node:crypto";
import http from "node:http";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const OPCODE = { text: 1, close: 8, ping: 9, pong: 10 };
const CLOSE_WAIT_MS = 1_000;

const acceptOf = (key) =>
  createHash("sha1")
    .update(key + GUID)
    .digest("base64");

function encode(opcode, body, masked) {
  const head = [0x80 | opcode];
  const bit = masked ? 0x80 : 0;
  if (body.length < 126) head.push(bit | body.length);
  else if (body.length < 65_536) head.push(bit | 126, body.length >> 8, body.length & 255);
  else
    head.push(
      bit | 127,
      0,
      0,
      0,
      0,
      ...[24, 16, 8, 0].map((shift) => (body.length >>> shift) & 255),
    );
  if (!masked) return Buffer.concat([Buffer.from(head), body]);
  const mask = randomBytes(4);
  return Buffer.concat([
    Buffer.from(head),
    mask,
    body.map((byte, index) => byte ^ mask[index & 3]),
  ]);
}

/** Frames over one TCP socket, either side. */
class Frames {
  constructor(socket, { masked, onText, onClose }) {
    this.socket = socket;
    this.masked = masked;
    this.onText = onText;
    this.onClose = onClose;
    this.buffer = Buffer.alloc(0);
    this.closing = null;
    socket.on("data", (data) => this.take(data));
    socket.on("close", () => this.end(1006, ""));
    socket.on("error", () => socket.destroy());
  }

  send(opcode, body) {
    if (!this.socket.destroyed && !this.socket.writableEnded)
      this.socket.write(encode(opcode, body, this.masked));
  }

  close(code, reason = "") {
    if (this.closing !== null) return;
    this.closing = setTimeout(() => this.socket.destroy(), CLOSE_WAIT_MS).unref();
    const head = code === undefined ? [] : [code >> 8, code & 255];
    this.send(OPCODE.close, Buffer.concat([Buffer.from(head), Buffer.from(reason)]));
  }

  take(data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    for (let frame = this.read(); frame !== null; frame = this.read()) this.handle(frame);
  }

  read() {
    if (this.buffer.length < 2) return null;
    let [length, at] = [this.buffer[1] & 127, 2];
    if (length === 126)
      [length, at] = this.buffer.length < 4 ? [Infinity, 4] : [this.buffer.readUInt16BE(2), 4];
    else if (length === 127)
      [length, at] =
        this.buffer.length < 10 ? [Infinity, 10] : [Number(this.buffer.readBigUInt64BE(2)), 10];
    const masked = (this.buffer[1] & 128) !== 0;
    const start = at + (masked ? 4 : 0);
    if (this.buffer.length < start + length) return null;
    const mask = this.buffer.subarray(at, start);
    const body = Buffer.from(this.buffer.subarray(start, start + length));
    if (masked) body.forEach((byte, index) => (body[index] = byte ^ mask[index & 3]));
    const opcode = this.buffer[0] & 15;
    this.buffer = this.buffer.subarray(start + length);
    return { opcode, body };
  }

  handle({ opcode, body }) {
    if (opcode === OPCODE.text) this.onText(body.toString());
    else if (opcode === OPCODE.ping) this.send(OPCODE.pong, body);
    else if (opcode === OPCODE.close) {
      const code = body.length >= 2 ? body.readUInt16BE(0) : 1005;
      this.close(code === 1005 ? undefined : code);
      this.end(code, body.subarray(2).toString());
      this.socket.end();
    }
  }

  end(code, reason) {
    clearTimeout(this.closing);
    const { onClose } = this;
    this.onClose = () => {};
    onClose(code, reason);
  }
}

/** A WebSocket with the browser's interface. */
export class NodeWebSocket {
  static OPEN = 1;
  readyState = 0;
  protocol = "";
  onopen = null;
  onmessage = null;
  onerror = null;
  onclose = null;
  #frames = null;
  #request;

  constructor(url, protocols = []) {
    const { hostname, port, pathname, search } = new URL(url);
    const key = randomBytes(16).toString("base64");
    const headers = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": key,
    };
    if (protocols.length > 0) headers["sec-websocket-protocol"] = protocols.join(", ");
    this.#request = http.request({ host: hostname, port, path: pathname + search, headers });
    this.#request.on("upgrade", (response, socket, head) =>
      this.#opened(response, socket, head, key),
    );
    this.#request.on("response", (response) => {
      response.resume();
      this.#closed(1006, `HTTP ${response.statusCode}`);
    });
    this.#request.on("error", () => this.#closed(1006, ""));
    this.#request.end();
  }

  send(text) {
    if (this.readyState !== 1) throw new Error("the socket is not open");
    this.#frames.send(OPCODE.text, Buffer.from(text));
  }

  close(code, reason) {
    if (this.readyState >= 2) return;
    this.readyState = 2;
    if (this.#frames === null) this.#request.destroy();
    else this.#frames.close(code, reason);
  }

  #opened(response, socket, head, key) {
    if (response.headers["sec-websocket-accept"] !== acceptOf(key)) {
      socket.destroy();
      this.#closed(1006, "bad accept");
      return;
    }
    this.protocol = response.headers["sec-websocket-protocol"] ?? "";
    this.readyState = 1;
    this.#frames = new Frames(socket, {
      masked: true,
      onText: (data) => this.onmessage?.({ data }),
      onClose: (code, reason) => this.#closed(code, reason),
    });
    this.onopen?.({});
    if (head.length > 0) this.#frames.take(head);
  }

  #closed(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

/** Answer an HTTP upgrade; returns the server's end. */
export function acceptUpgrade(request, socket, { protocol, onText, onClose }) {
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${acceptOf(request.headers["sec-websocket-key"])}`,
  ];
  if (protocol) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  const frames = new Frames(socket, { masked: false, onText, onClose });
  return {
    send: (text) => frames.send(OPCODE.text, Buffer.from(text)),
    close: (code, reason) => frames.close(code, reason),
    destroy: () => socket.destroy(),
  };
}
