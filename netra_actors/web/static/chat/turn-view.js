/** One turn of the conversation: a run's header, its timeline, its answer and its report. */

import { arrange, h, icon, setAttribute, setText } from "./dom.js";
import { formatDuration, plural } from "./format.js";
import { drawMarkdown } from "./markdown.js";
import { drawReport } from "./report-view.js";
import { StepList, statusMark } from "./step-view.js";

const WORDS = {
  queued: "Waiting",
  running: "Working",
  cancelling: "Stopping",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Stopped",
  interrupted: "Interrupted",
  ended: "Ended",
};
const BY = {
  deadline: "it took longer than its time limit",
  superseded: "a newer message took its place",
  revoked: "access was withdrawn",
  drain: "the service was restarting",
};

function stopReason(run) {
  const by = run.terminal?.cancelled_by ?? run.cancelling?.by;
  if (run.status === "interrupted") return "The run was interrupted before it could finish.";
  if (!by) return "";
  return BY[by] === undefined ? `Stopped from ${by}.` : `Stopped because ${BY[by]}.`;
}

/** The view of one run in the conversation. */
export class TurnView {
  #actions;
  #run = null;
  #version = -1;
  #answer = null;
  #report = null;
  #error = null;
  #expanded = null;
  #name = h("span", { class: "agent-name" });
  #status = h("span", { class: "run-status" });
  #clock = h("span", { class: "aside" });
  #count = h("span", { class: "quiet" });
  #stop;
  #toggle;
  #progress = h("progress", {
    class: "progress",
    max: 100,
    hidden: true,
    "aria-label": "Progress of the run",
  });
  #notice = h("div", { class: "turn-notice", hidden: true });
  #text = h("div", { class: "prose answer", testid: "message-agent" });
  #more = h("p", { class: "more", hidden: true });
  #reports = h("div");

  /**
   * @param {string} run_id
   * @param {object} actions stop, showSteps, now, fileLink, showWhole
   */
  constructor(run_id, actions) {
    this.run_id = run_id;
    this.#actions = actions;
    this.#stop = h(
      "button",
      {
        class: "ghost small danger",
        type: "button",
        testid: "stop-run",
        hidden: true,
        on: { click: () => actions.stop(run_id) },
      },
      icon("stop"),
      "Stop",
    );
    this.#toggle = h(
      "button",
      {
        class: "ghost small toggle",
        type: "button",
        testid: "show-steps",
        on: { click: () => this.#flip() },
      },
      icon("chevron"),
      this.#count,
    );
    this.steps = null;
    this.panel = h("div", { class: "timeline", id: `steps-${run_id}`, hidden: true });
    this.#toggle.setAttribute("aria-controls", this.panel.id);
    this.run = h(
      "div",
      { class: "run", testid: "run", data: { runId: run_id } },
      h(
        "header",
        { class: "run-head" },
        this.#status,
        this.#name,
        this.#clock,
        this.#toggle,
        h("span", { class: "spacer" }),
        this.#stop,
      ),
      this.#progress,
      this.panel,
      this.#notice,
    );
    this.element = h("article", { class: "turn", "aria-label": "Agent" }, this.run);
  }

  async #flip() {
    if (this.#run === null || (this.#run.partial && !this.#run.open)) {
      setAttribute(this.#toggle, "disabled", "");
      await this.#actions.showSteps(this.run_id);
      setAttribute(this.#toggle, "disabled", null);
    }
    this.#expanded = this.panel.hidden;
    this.#draw();
  }

  /**
   * Show what is known now.
   *
   * @param {import("./timeline.js").RunView | undefined} run
   * @param {object | undefined} answer the agent's message in the thread
   */
  update(run, answer) {
    if (run !== undefined && run !== this.#run) {
      this.#run = run;
      this.#version = -1;
      this.steps = new StepList(this.#actions);
      this.panel.replaceChildren(this.steps.element);
    }
    if (answer === this.#answer && (run === undefined || run.version === this.#version)) return;
    this.#answer = answer ?? null;
    this.#version = run?.version ?? -1;
    this.#draw();
  }

  #draw() {
    const run = this.#run;
    const status = run?.status ?? this.#answer?.status ?? "ended";
    this.run.dataset.status = status;
    this.element.classList.toggle("open", run?.open ?? false);
    this.#drawHead(run, status);
    const open = this.#expanded ?? run?.open ?? false;
    this.panel.hidden = !open || run === null;
    setAttribute(this.#toggle, "aria-expanded", String(!this.panel.hidden));
    if (run !== null) this.steps.update(run);
    this.#drawNotice(run, status);
    const said = this.#drawAnswer(run);
    if (run?.report && this.#report !== run.report) {
      this.#report = run.report;
      this.#reports.replaceChildren(drawReport(run.report, this.#actions.fileLink));
    }
    this.element.classList.toggle("reported", this.#report !== null && !(run?.open ?? false));
    arrange(
      this.element,
      [
        this.run,
        said && this.#text,
        !this.#more.hidden && this.#more,
        this.#report && this.#reports,
      ].filter(Boolean),
    );
  }

  #drawHead(run, status) {
    if (this.#status.dataset.status !== status) {
      this.#status.dataset.status = status;
      this.#status.replaceChildren(
        statusMark(status),
        h("span", { class: "run-word", "aria-hidden": "true" }, WORDS[status] ?? status),
      );
    }
    setText(this.#name, run?.agent_name || "Agent");
    const since = run?.open && run.started_at !== null ? run.started_at : null;
    if (since !== null) this.#clock.dataset.since = since;
    else {
      delete this.#clock.dataset.since;
      setText(
        this.#clock,
        run?.duration_ms == null
          ? run?.place
            ? `place ${run.place}`
            : ""
          : formatDuration(run.duration_ms),
      );
    }
    const subagents = run?.count("subagent") ?? 0;
    const tools = run?.count("tool") ?? 0;
    const words = [
      plural(run?.steps.length ?? 0, "step"),
      tools > 0 && plural(tools, "tool"),
      subagents > 0 && plural(subagents, "sub-agent"),
    ];
    setText(this.#count, run === null ? "Show steps" : words.filter(Boolean).join(" · "));
    this.#toggle.hidden = run !== null && run.steps.length === 0 && !run.partial;
    this.#stop.hidden = !(run?.open && status !== "cancelling");
    const percent = run?.open ? run.progress?.percentage : null;
    this.#progress.hidden = percent == null;
    if (percent != null) this.#progress.value = percent;
  }

  #drawNotice(run, status) {
    const error = run?.error ?? null;
    const reason =
      ["cancelled", "interrupted"].includes(status) && run !== null ? stopReason(run) : "";
    this.#notice.hidden = error === null && reason === "" && status !== "failed";
    if (this.#notice.hidden || (this.#error === error && error !== null)) return;
    this.#error = error;
    if (error === null) this.#notice.replaceChildren(h("p", {}, reason || "The run failed."));
    else {
      const tips = error.recovery_suggestions ?? [];
      this.#notice.replaceChildren(
        h(
          "div",
          { class: "problem" },
          icon("warning"),
          h(
            "div",
            {},
            h("p", {}, error.user_friendly_message),
            tips.length > 0 &&
              h(
                "ul",
                {},
                tips.map((tip) => h("li", {}, tip)),
              ),
            error.reference && h("p", { class: "quiet" }, `Reference ${error.reference}`),
          ),
        ),
      );
    }
  }

  /** @returns {boolean} whether there is text */
  #drawAnswer(run) {
    const answer = this.#answer;
    const final = run?.terminal?.final_response ?? "";
    const streamed = run?.text ?? "";
    const told = answer !== null && !answer.cut ? answer.content : "";
    const text =
      told || (final.length >= streamed.length ? final : streamed) || (answer?.content ?? "");
    const said = text.trim() !== "";
    this.#text.classList.toggle("streaming", (run?.open ?? false) && text !== "");
    if (said) drawMarkdown(this.#text, text);
    const ref = run?.terminal?.final_response_ref ?? answer?.content_ref;
    const cut = answer?.cut && text === answer.content;
    this.#more.hidden = !ref && !cut;
    if (this.#more.hidden || this.#more.firstChild !== null) return said;
    const whole = () => this.#actions.showWhole(answer);
    this.#more.append(
      ref
        ? this.#actions.fileLink(ref)
        : h(
            "button",
            { class: "ghost small", type: "button", on: { click: whole } },
            "Show the whole answer",
          ),
    );
    return said;
  }
}
