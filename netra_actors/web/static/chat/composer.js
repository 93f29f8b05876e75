/** The composer: text, files, agent, what to do while a run is open, send and stop. */

import { arrange, h, icon, setAttribute } from "./dom.js";
import { formatBytes } from "./format.js";

const PASTE_BYTES = 8_000;
const TYPING_EVERY_MS = 2_500;
const MAX_FILES = 10;
const encoder = new TextEncoder();

/** The form at the foot of the page. */
export class Composer {
  #form;
  #input;
  #parts;
  #actions;
  #files = [];
  #typedAt = -Infinity;
  #serial = 0;

  /**
   * @param {object} parts form, input, send, stop, files, fileInput, attach, agent, policy, drop
   * @param {object} actions send({content, files, agent, policy}) -> Promise<boolean>,
   *   stop(), typing(isTyping), upload(file) -> Promise<{file_id, name, bytes}>, problem(error)
   */
  constructor(parts, actions) {
    this.#parts = parts;
    this.#form = parts.form;
    this.#input = parts.input;
    this.#actions = actions;
    parts.send.append(icon("send"));
    parts.stop.append(icon("stop"), "Stop");
    parts.attach.append(icon("clip"));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    parts.stop.addEventListener("click", () => actions.stop());
    this.#listenToInput();
    this.#listenToFiles();
    this.#refresh();
  }

  /** Put the cursor into the text. */
  focus() {
    this.#input.focus({ preventScroll: true });
  }

  /** Take back what could not be sent. @param {{content: string, files: object[]}} draft */
  restore({ content, files }) {
    this.#files = files.map((stored) => ({ name: stored.name, bytes: stored.bytes, stored }));
    this.#setText(content);
  }

  /** Offer the agents. @param {{name: string, description?: string}[]} agents */
  setAgents(agents) {
    const { agent } = this.#parts;
    const chosen = agent.value;
    agent.replaceChildren(
      h("option", { value: "" }, "Default agent"),
      ...agents.map(({ name, description }) =>
        h("option", { value: name, title: description }, name),
      ),
    );
    agent.value = agents.some(({ name }) => name === chosen) ? chosen : "";
    agent.parentElement.hidden = agents.length === 0;
  }

  /** Show whether a run is open in this thread. */
  setRunning({ running, stopping }) {
    const { stop, policy } = this.#parts;
    stop.hidden = !running;
    stop.disabled = stopping;
    policy.hidden = !running;
    setAttribute(this.#form, "data-running", running ? "" : null);
  }

  #listenToInput() {
    const input = this.#input;
    input.addEventListener("keydown", (event) => {
      // An input method's Enter picks a word; it is not for us.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229)
        return;
      event.preventDefault();
      this.#submit();
    });
    input.addEventListener("input", () => {
      this.#grow();
      this.#refresh();
      this.#typing();
    });
    input.addEventListener("blur", () => this.#stopTyping());
    input.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (files.length > 0) {
        event.preventDefault();
        this.#add(files);
      } else if (encoder.encode(text).length > PASTE_BYTES) {
        event.preventDefault();
        this.#addText(text, "pasted");
      }
    });
  }

  #listenToFiles() {
    const { attach, fileInput, drop } = this.#parts;
    attach.addEventListener("click", () => fileInput.click());
    fileInput.addEventListener("change", () => {
      this.#add([...fileInput.files]);
      fileInput.value = "";
    });
    const carries = (event) => event.dataTransfer?.types.includes("Files");
    drop.addEventListener("dragover", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      drop.classList.add("dropping");
    });
    drop.addEventListener("dragleave", (event) => {
      if (!drop.contains(event.relatedTarget)) drop.classList.remove("dropping");
    });
    drop.addEventListener("drop", (event) => {
      drop.classList.remove("dropping");
      if (!carries(event)) return;
      event.preventDefault();
      this.#add([...event.dataTransfer.files]);
    });
  }

  #typing() {
    const now = performance.now();
    if (this.#input.value === "" || now - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = now;
    this.#actions.typing(true);
  }

  #stopTyping() {
    if (this.#typedAt === -Infinity) return;
    this.#typedAt = -Infinity;
    this.#actions.typing(false);
  }

  #setText(text) {
    this.#input.value = text;
    this.#grow();
    this.#refresh();
  }

  #grow() {
    this.#input.style.height = "auto";
    this.#input.style.height = `${Math.min(this.#input.scrollHeight, 220)}px`;
  }

  #addText(text, name) {
    this.#serial += 1;
    return this.#add([new File([text], `${name}-${this.#serial}.txt`, { type: "text/plain" })]);
  }

  async #add(files) {
    await Promise.all(
      files.slice(0, MAX_FILES - this.#files.length).map((file) => this.#upload(file)),
    );
  }

  async #upload(file) {
    const entry = { name: file.name, bytes: file.size, stored: null };
    this.#files.push(entry);
    this.#refresh();
    try {
      entry.stored = await this.#actions.upload(file);
    } catch (error) {
      this.#files = this.#files.filter((one) => one !== entry);
      this.#actions.problem(error);
    }
    this.#refresh();
  }

  #chip(entry) {
    const remove = () => {
      this.#files = this.#files.filter((one) => one !== entry);
      this.#refresh();
      this.focus();
    };
    const state =
      entry.stored === null
        ? h("span", { class: "spinner", role: "status", "aria-label": "Uploading" })
        : icon("file");
    return h(
      "li",
      { class: "chip", testid: "attachment" },
      state,
      h("span", { class: "chip-name" }, entry.name),
      h("span", { class: "quiet" }, formatBytes(entry.bytes)),
      h(
        "button",
        {
          class: "ghost icon-only",
          type: "button",
          "aria-label": `Remove ${entry.name}`,
          on: { click: remove },
        },
        icon("close"),
      ),
    );
  }

  #refresh() {
    const { files, send } = this.#parts;
    arrange(
      files,
      this.#files.map((entry) => this.#chip(entry)),
    );
    files.hidden = this.#files.length === 0;
    const uploading = this.#files.some((entry) => entry.stored === null);
    send.disabled = uploading || (this.#input.value.trim() === "" && this.#files.length === 0);
  }

  async #submit() {
    const { send, agent, policy } = this.#parts;
    if (send.disabled) return;
    let content = this.#input.value.trim();
    if (encoder.encode(JSON.stringify(content)).length > PASTE_BYTES - 800) {
      const before = this.#files.length;
      await this.#addText(content, "message");
      if (this.#files.length === before) return; // It could not be stored; the text stays here.
      content = `${content.slice(0, 200)}…`;
    }
    const files = this.#files.map((entry) => entry.stored).filter(Boolean);
    this.#files = [];
    this.#setText("");
    this.#stopTyping();
    const chosen = policy.hidden ? null : policy.querySelector("input:checked")?.value;
    await this.#actions.send({
      content: content || `See ${files.map((file) => file.name).join(", ")}.`,
      files,
      agent: agent.value || undefined,
      policy: chosen === "interrupt" ? "interrupt" : undefined,
    });
  }
}
