/** The HTTP calls of the page, each with the token of the moment. */

import { NetraError } from "../netra-policy.js";

const TIMEOUT_MS = 30_000;
const UPLOAD_TIMEOUT_MS = 300_000;

async function answerOf(response) {
  if (response.status === 204) return null;
  const type = response.headers.get("content-type") ?? "";
  const body = type.includes("json") ? await response.json().catch(() => null) : null;
  if (!response.ok) {
    const fallback = {
      error: "unavailable",
      message: `The server answered ${response.status}.`,
      recovery: "Try again.",
    };
    throw NetraError.from(body?.error === undefined ? fallback : body, response.status);
  }
  return body;
}

async function reach(address, init) {
  try {
    return await fetch(address, { cache: "no-store", ...init });
  } catch (error) {
    throw new NetraError("unavailable", "The server cannot be reached.", {
      recovery: "Check the connection, then try again.",
      recoverable: true,
      cause: error,
    });
  }
}

/**
 * Ask for a development token.
 *
 * @param {URL} base
 * @param {object} claims user_id, permissions
 * @returns {Promise<string | null>} null: the service is not in development mode
 */
export async function developmentToken(base, claims) {
  const response = await reach(new URL("api/dev/token", base), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(claims),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if ([403, 404, 405].includes(response.status)) return null;
  return (await answerOf(response)).token;
}

/** Calls on behalf of one user. */
export class Api {
  #base;
  #token;

  /**
   * @param {URL} base where the service is
   * @param {() => Promise<string | null>} token
   */
  constructor(base, token) {
    this.#base = base;
    this.#token = token;
  }

  async #call(path, { timeout = TIMEOUT_MS, headers = {}, ...init } = {}) {
    const token = await this.#token();
    const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
    return reach(new URL(`api/${path}`, this.#base), {
      ...init,
      headers: { ...authorization, ...headers },
      signal: AbortSignal.timeout(timeout),
    });
  }

  async #json(path, init) {
    return answerOf(await this.#call(path, init));
  }

  /** What can be asked: `[{name, description, promises}]`. */
  async agents() {
    const answer = await this.#json("agents");
    return Array.isArray(answer) ? answer : (answer.agents ?? []);
  }

  /** A page of a thread's messages, before a message id. */
  async messages(thread_id, { limit = 30, before = null } = {}) {
    const query = new URLSearchParams({ limit: String(limit) });
    if (before !== null) query.set("before", before);
    const path = `threads/${encodeURIComponent(thread_id)}/messages?${query}`;
    return (await this.#json(path)).messages.map((message) => ({ ...message, thread_id }));
  }

  /** All events of a run, sub-runs included, oldest first. At most 20 pages. */
  async runEvents(run_id) {
    const events = [];
    for (let page = 0, after = 0; page < 20 && after !== null; page++) {
      const path = `runs/${encodeURIComponent(run_id)}/events?after=${after}&limit=1000`;
      const answer = await this.#json(path);
      events.push(...answer.events);
      after = answer.next_after ?? null;
    }
    return events;
  }

  /** Store a file. @param {File} file @returns {Promise<{file_id, name, bytes}>} */
  async upload(file) {
    const body = new FormData();
    body.append("file", file, file.name);
    return this.#json("files", { method: "POST", body, timeout: UPLOAD_TIMEOUT_MS });
  }

  /** A stored file's content. @returns {Promise<Blob>} */
  async file(file_id) {
    const response = await this.#call(`files/${encodeURIComponent(file_id)}`, {
      timeout: UPLOAD_TIMEOUT_MS,
    });
    if (!response.ok) await answerOf(response);
    return response.blob();
  }

  /** The status of an address that streams. @param {URL} address @returns {Promise<Response>} */
  async head(address) {
    const token = await this.#token();
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    return reach(address, { method: "HEAD", headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  }

  /** A ticket for a connection that cannot set headers. */
  async ticket() {
    return (await this.#json("tickets", { method: "POST" })).ticket;
  }
}
