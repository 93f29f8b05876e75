/** The steps of a run: thinking lines, tools, sub-agents with their own steps. */

import { arrange, h, icon, setText } from "./dom.js";
import { formatBytes, formatDuration, humanize } from "./format.js";

const MAX_DETAIL = 4_000;
const GLYPH = {
  success: "check",
  completed: "check",
  error: "cross",
  failed: "cross",
  cancelled: "dash",
  interrupted: "dash",
  unknown: "question",
  ended: "dash",
};
const SAID = {
  success: "done",
  completed: "done",
  error: "failed",
  failed: "failed",
  cancelled: "cancelled",
  interrupted: "interrupted",
  ended: "ended",
  unknown: "outcome unknown",
  running: "running",
  queued: "waiting",
  cancelling: "stopping",
};

/** A status as a mark with words for screen readers. @param {string} status */
export function statusMark(status) {
  const glyph = GLYPH[status];
  const running = glyph === undefined;
  return h(
    "span",
    { class: `mark ${running ? "running" : status}` },
    running ? h("span", { class: "spinner", "aria-hidden": "true" }) : icon(glyph),
    h("span", { class: "sr-only" }, `${SAID[status] ?? status}: `),
  );
}

function detail(label, content) {
  if (
    content === undefined ||
    content === null ||
    (typeof content === "object" && Object.keys(content).length === 0)
  )
    return null;
  const text = typeof content === "string" ? content : JSON.stringify(content, null, 2);
  const cut = text.length > MAX_DETAIL ? `${text.slice(0, MAX_DETAIL)}…` : text;
  return h(
    "div",
    { class: "detail" },
    h("h6", {}, label),
    h("pre", { tabindex: "0" }, h("code", {}, cut)),
  );
}

function thinkingStep(step) {
  const place =
    step.step_number && step.total_steps ? `${step.step_number}/${step.total_steps}` : null;
  return h(
    "li",
    { class: `step thinking urgency-${step.urgency ?? "low"}`, testid: "step-thinking" },
    h("span", { class: "node", "aria-hidden": "true" }),
    h(
      "p",
      {},
      step.thought ?? step.purpose ?? "",
      step.current_operation && h("span", { class: "quiet" }, ` · ${step.current_operation}`),
    ),
    place && h("span", { class: "aside" }, place),
  );
}

function toolStep(step, now, fileLink) {
  const running = step.status === "running";
  const spent = running ? now - step.at : step.duration_ms;
  const details = [
    detail("Parameters", step.parameters),
    detail("Result", step.result),
    step.result_ref && h("div", { class: "detail" }, fileLink(step.result_ref)),
  ].filter(Boolean);
  const head = [
    statusMark(step.status),
    h("span", { class: "tool-name" }, step.tool_name ?? step.name ?? "tool"),
    h("span", { class: "purpose" }, step.tool_purpose ?? step.purpose ?? ""),
    h(
      "span",
      { class: "aside", data: running && step.at ? { since: step.at } : {} },
      spent == null ? "" : formatDuration(Math.max(0, spent)),
    ),
  ];
  const error = step.error && h("p", { class: "step-error" }, step.error);
  return h(
    "li",
    { class: `step tool ${step.status}`, testid: "step-tool", data: { status: step.status ?? "" } },
    h("span", { class: "node", "aria-hidden": "true" }),
    details.length === 0
      ? h("div", { class: "tool-head" }, head)
      : h("details", {}, h("summary", { class: "tool-head" }, head, icon("chevron")), details),
    error,
  );
}

function customStep(step) {
  return h(
    "li",
    { class: "step custom", testid: "step-custom" },
    h("span", { class: "node", "aria-hidden": "true" }),
    h(
      "details",
      {},
      h(
        "summary",
        { class: "tool-head" },
        h("span", { class: "purpose" }, humanize(step.name ?? "event")),
        icon("chevron"),
      ),
      detail("Data", step.data),
    ),
  );
}

/** A list of steps, patched in place as its run goes on. */
export class StepList {
  element = h("ol", { class: "steps" });
  #drawn = new Map();
  #tools;

  /** @param {{now: () => number, fileLink: Function}} tools */
  constructor(tools) {
    this.#tools = tools;
  }

  /** Draw the run's steps. @param {import("./timeline.js").RunView} run */
  update(run) {
    const nodes = [];
    if (run.dropped > 0) nodes.push(this.#note(`${run.dropped} earlier steps are not shown`));
    const drawn = new Map();
    for (const step of run.steps) {
      let old = this.#drawn.get(step);
      if (old === undefined || (old.version !== step.version && old.sub === undefined))
        old = this.#draw(step, old);
      if (old.sub !== undefined) old.sub.update(step);
      drawn.set(step, old);
      nodes.push(old.node);
    }
    this.#drawn = drawn;
    arrange(this.element, nodes);
  }

  #note(text) {
    return h("li", { class: "step note" }, text);
  }

  #draw(step, old) {
    const { now, fileLink } = this.#tools;
    if (step.kind === "subagent") {
      const sub = new SubagentStep(this.#tools);
      return { version: step.version, node: sub.element, sub };
    }
    const draw =
      { thinking: thinkingStep, tool: toolStep, custom: customStep }[step.kind] ?? customStep;
    const node = draw(step, now(), fileLink);
    const wasOpen = old?.node.querySelector("details")?.open ?? false;
    const details = node.querySelector("details");
    if (details !== null) details.open = wasOpen;
    return { version: step.version, node };
  }
}

/** A sub-agent: a step that has steps. */
class SubagentStep {
  #mark = h("span", { class: "mark-slot" });
  #aside = h("span", { class: "aside" });
  #name = h("span", { class: "sub-name" });
  #text = h("p", { class: "sub-text quiet" });
  #steps;
  #details;
  #status = null;

  constructor(tools) {
    this.#steps = new StepList(tools);
    this.#details = h(
      "details",
      { open: true },
      h(
        "summary",
        { class: "tool-head" },
        this.#mark,
        icon("branch"),
        this.#name,
        this.#aside,
        icon("chevron"),
      ),
      this.#steps.element,
      this.#text,
    );
    this.element = h(
      "li",
      { class: "step subagent", testid: "step-subagent" },
      h("span", { class: "node", "aria-hidden": "true" }),
      this.#details,
    );
  }

  update(step) {
    const run = step.run;
    const status =
      run !== undefined && step.status === "running" && !run.open
        ? run.status
        : (step.status ?? "running");
    setText(this.#name, step.name || run?.agent_name || "sub-agent");
    if (status !== this.#status) {
      this.#status = status;
      this.#mark.replaceChildren(statusMark(status));
      this.element.dataset.status = status;
    }
    const since = status === "running" ? (run?.started_at ?? step.at) : null;
    if (since) this.#aside.dataset.since = since;
    else {
      delete this.#aside.dataset.since;
      setText(this.#aside, step.duration_ms == null ? "" : formatDuration(step.duration_ms));
    }
    if (run === undefined) return;
    this.#steps.update(run);
    const text = run.text || run.terminal?.final_response || "";
    setText(this.#text, text.length > 600 ? `${text.slice(0, 600)}…` : text);
    this.#text.hidden = text === "";
  }
}

/** Let the running clocks below *root* show the time. @param {Element} root @param {number} now */
export function tick(root, now) {
  for (const node of root.querySelectorAll("[data-since]")) {
    setText(node, formatDuration(Math.max(0, now - Number(node.dataset.since))));
  }
}

/** Words for a file's link. */
export function fileLabel(ref) {
  return `Open in full (${formatBytes(ref.bytes)})`;
}
