"""What an agent author uses: `agent`, `tool`, `Run`, `UserMessage`."""

from netra_actors.agents.message import Attachment, HistoryMessage, UserMessage
from netra_actors.agents.registry import Agent, AgentRegistry, agent
from netra_actors.agents.run import Run
from netra_actors.agents.subagents import SubagentGroup, SubRun
from netra_actors.agents.tools import Tool, tool

__all__ = [
    "Agent",
    "AgentRegistry",
    "Attachment",
    "HistoryMessage",
    "Run",
    "SubRun",
    "SubagentGroup",
    "Tool",
    "UserMessage",
    "agent",
    "tool",
]
