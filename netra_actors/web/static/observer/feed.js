/** The observer's stream: a picture a second over SSE, with a fresh ticket for each attempt. */

import { Backoff, NetraError } from "../netra-policy.js";

const SILENCE_MS = 10_000;

/** Follows the stream for ever, until the service says that one may not. */
export class Feed {
  #base;
  #api;
  #hooks;
  #backoff = new Backoff();
  #source = null;
  #timer = null;
  #silence = null;

  /**
   * @param {URL} base
   * @param {import("../chat/api.js").Api} api
   * @param {{picture: (picture: object) => void, state: (state: string, text: string) => void,
   *   refused: (error: NetraError) => void}} hooks
   */
  constructor(base, api, hooks) {
    this.#base = base;
    this.#api = api;
    this.#hooks = hooks;
  }

  /** Connect, at once. */
  async start() {
    this.#stop();
    this.#hooks.state("connecting", "Connecting…");
    try {
      const ticket = await this.#api.ticket();
      const address = new URL("api/observer", this.#base);
      await this.#mayObserve(address);
      address.searchParams.set("ticket", ticket);
      this.#listen(address);
    } catch (error) {
      if (error instanceof NetraError && [401, 403].includes(error.status))
        this.#hooks.refused(error);
      else this.#retry();
    }
  }

  /** An EventSource cannot tell "forbidden" from "unreachable", so ask first, without the stream. */
  async #mayObserve(address) {
    const response = await this.#api.head(address);
    if (response.status !== 401 && response.status !== 403) return;
    throw new NetraError("forbidden", "This account may not observe the service.", {
      recovery: "Ask an operator for the permission “observe”.",
      status: response.status,
    });
  }

  #listen(address) {
    const source = new EventSource(address);
    this.#source = source;
    this.#watch();
    source.onmessage = ({ data }) => {
      this.#watch();
      this.#backoff.reset();
      this.#hooks.state("connected", "Live");
      this.#hooks.picture(JSON.parse(data));
    };
    // Its own reconnection would show the ticket again, which is good for one use.
    source.onerror = () => this.#retry();
  }

  #watch() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#retry(), SILENCE_MS);
  }

  #retry() {
    this.#stop();
    const delay = Math.max(1_000, this.#backoff.next({ atOnce: false }));
    this.#hooks.state("reconnecting", `Reconnecting in ${Math.ceil(delay / 1_000)} s`);
    this.#timer = setTimeout(() => this.start(), delay);
  }

  #stop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = null;
  }
}
