"""The plans: what a user of each may use. Each figure is a setting of its own."""

from typing import TYPE_CHECKING, Final

import environ

from netra_actors.settings.values import integer, rate, seconds

PLANS_PREFIX: Final = "PLAN"

if TYPE_CHECKING:
    from attrs import frozen as plan_group
    from attrs import frozen as plans_group
else:
    plan_group = environ.config(frozen=True)
    plans_group = environ.config(prefix=PLANS_PREFIX, frozen=True)

PLAN_NAMES: Final = ("free", "early", "mid", "enterprise")
_FIELDS: Final = (
    "messages_per_min", "messages_burst", "connections", "runs", "run_deadline_s", "retention_d",
)  # fmt: skip
_TABLE: Final = (
    (20, 10, 3, 1, 60, 7),
    (40, 20, 5, 2, 120, 30),
    (60, 30, 10, 3, 300, 90),
    (300, 60, 20, 10, 900, 365),
)
PLAN_DEFAULTS: Final[dict[str, str]] = {
    f"NETRA_PLAN_{name}_{field}".upper(): str(figure)
    for name, figures in zip(PLAN_NAMES, _TABLE, strict=True)
    for field, figure in zip(_FIELDS, figures, strict=True)
}


@plan_group
class Plan:
    """What a user of one plan may use."""

    messages_per_min: float = environ.var(converter=rate(), help="messages a minute")
    messages_burst: int = environ.var(converter=integer(1), help="messages at once")
    connections: int = environ.var(converter=integer(1), help="connections of a user")
    runs: int = environ.var(converter=integer(1), help="runs of a user at once")
    run_deadline_s: float = environ.var(converter=seconds(1), help="longest run")
    retention_d: int = environ.var(converter=integer(1), help="days that events are kept")


@plans_group
class Plans:
    """All plans."""

    free: Plan = environ.group(Plan)
    early: Plan = environ.group(Plan)
    mid: Plan = environ.group(Plan)
    enterprise: Plan = environ.group(Plan)

    def named(self, name: str) -> Plan:
        """Return the plan of that name; an unknown name is the most restricted plan."""
        return getattr(self, name) if name in PLAN_NAMES else self.free
