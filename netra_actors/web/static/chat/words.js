/** What screen readers hear of a run that is not in focus. Pure. */

const ENDED = {
  completed: "finished",
  failed: "failed",
  cancelled: "was stopped",
  interrupted: "was interrupted",
};
const MAX_ANSWER = 300;

/** The words for an event of a top-level run; null if it is not worth an interruption. */
export function spoken({ type, payload = {} }) {
  if (type === "agent_started") return `${payload.agent_name} has started.`;
  if (type === "tool_executing") return payload.tool_purpose || payload.tool_name;
  if (type !== "agent_completed") return null;
  return `The agent ${ENDED[payload.status]}. ${(payload.final_response ?? "").slice(0, MAX_ANSWER)}`;
}
