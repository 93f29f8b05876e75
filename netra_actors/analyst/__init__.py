"""The built-in agent: it analyses AI usage, with no key and no network.

It is written with what every author of an agent has, `netra_actors.agents`, and nothing else.
`agent.py` is the conversation; `reading.py` and `usage.py` turn text into columns; `costs.py`,
`change.py`, `spikes.py`, `storms.py`, `latency.py`, `models.py` and `savings.py` are pure
functions of those columns; `leads.py`, `advice.py` and `answer.py` turn what they found into words.
"""

from netra_actors.analyst.agent import analyst

__all__ = ["analyst"]
