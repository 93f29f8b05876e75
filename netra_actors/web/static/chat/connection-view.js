/** The state of the connection, in words, with what one can do about it. */

import { setAttribute, setText } from "./dom.js";

const STOPPED = {
  limit: ["Too many connections", "Close another tab or device, then reconnect."],
  forbidden: ["Access refused", "This account may not connect. Sign in as somebody else."],
  unauthorized: ["Session expired", "Sign in again to go on."],
  signed_out: ["Signed out", "Sign in to go on."],
  frame_too_large: ["Stopped", "A message was larger than the service takes. Reload the page."],
  fold_failed: [
    "Stopped",
    "An event could not be understood. Reconnect to start from a fresh picture.",
  ],
  left: ["Closed", "The connection was closed."],
};

/**
 * Say how the connection is.
 *
 * @param {import("../netra-connection.js").Status} status
 * @param {{now: number, online: boolean}} world
 * @returns {{state: string, label: string, hint: string, action: string | null}}
 */
export function describeConnection(status, { now, online }) {
  if (status.status === "stopped") {
    const [label, hint] = STOPPED[status.reason] ?? [
      "Disconnected",
      "The service ended the connection.",
    ];
    const signIn = ["signed_out", "unauthorized", "forbidden"].includes(status.reason);
    const state =
      { limit: "limit", signed_out: "expired", unauthorized: "expired" }[status.reason] ??
      "stopped";
    return { state, label, hint, action: signIn ? "Sign in" : "Reconnect now" };
  }
  if (!online && status.status !== "live") {
    return {
      state: "offline",
      label: "Offline",
      hint: "No network. Runs go on without you.",
      action: "Reconnect now",
    };
  }
  switch (status.status) {
    case "live":
      return { state: "connected", label: "Connected", hint: "", action: null };
    case "syncing":
      return { state: "connecting", label: "Catching up…", hint: "", action: null };
    case "waiting": {
      const seconds = Math.ceil((status.retry_at - now) / 1_000);
      const label = seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting…";
      return {
        state: "reconnecting",
        label,
        hint: "Runs go on; nothing is lost.",
        action: seconds > 0 ? "Reconnect now" : null,
      };
    }
    default:
      return { state: "connecting", label: "Connecting…", hint: "", action: null };
  }
}

/** The pill in the bar, and the strip below it when something is to be done. */
export class ConnectionView {
  #parts;
  #client;
  #timer = null;
  #announced = "connecting";

  /**
   * @param {{pill: Element, label: Element, strip: Element, hint: Element, button: Element}} parts
   * @param {{client: () => import("../netra-client.js").NetraClient, signIn: () => void,
   *   announce: (text: string) => void}} actions
   */
  constructor(parts, actions) {
    this.#parts = parts;
    this.#client = actions;
    parts.button.addEventListener("click", () => {
      if (parts.button.dataset.action === "Sign in") actions.signIn();
      else actions.client().reconnectNow();
    });
    for (const type of ["online", "offline"]) addEventListener(type, () => this.update());
  }

  /** Show the state of now; while waiting, every second again. */
  update() {
    clearTimeout(this.#timer);
    const { status } = this.#client.client();
    const shown = describeConnection(status, { now: Date.now(), online: navigator.onLine });
    const { pill, label, strip, hint, button } = this.#parts;
    setAttribute(pill, "data-state", shown.state);
    setText(label, shown.label);
    setText(hint, shown.hint ? `${shown.label}. ${shown.hint}` : shown.label);
    strip.hidden = shown.action === null;
    setAttribute(strip, "data-state", shown.state);
    button.dataset.action = shown.action ?? "";
    setText(button, shown.action ?? "");
    this.#announce(shown);
    if (status.status === "waiting") this.#timer = setTimeout(() => this.update(), 500);
  }

  #announce({ state, label, hint }) {
    if (state === this.#announced || state === "connecting") return;
    const back = state === "connected" && this.#announced !== "connecting";
    this.#announced = state;
    if (back) this.#client.announce("Connected again.");
    else if (state !== "connected")
      this.#client.announce(
        `${state === "reconnecting" ? "Connection lost, reconnecting" : label}. ${hint}`,
      );
  }
}
