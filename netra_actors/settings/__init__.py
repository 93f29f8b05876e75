"""Settings: everything an operator can set, by environment variables, frozen at start.

`load_settings` reads them once; a wrong value is a `ConfigurationError` that names the
variable, the value and what is accepted. Each part of the service is handed its own slice
(`ServerSettings`, `SocketSettings`, ...) and reads no environment itself.
"""

from netra_actors.settings.groups import (
    MIN_SECRET_BYTES,
    AgentSettings,
    AuthSettings,
    DrainSettings,
    Durability,
    LogSettings,
    PlanName,
    RecordSettings,
    ServerSettings,
    SessionSettings,
    SocketSettings,
)
from netra_actors.settings.load import (
    SettingDescription,
    Settings,
    describe_settings,
    load_settings,
)
from netra_actors.settings.plans import Plan, Plans
from netra_actors.settings.values import Address, Network, Secret

__all__ = [
    "MIN_SECRET_BYTES",
    "Address",
    "AgentSettings",
    "AuthSettings",
    "DrainSettings",
    "Durability",
    "LogSettings",
    "Network",
    "Plan",
    "PlanName",
    "Plans",
    "RecordSettings",
    "Secret",
    "ServerSettings",
    "SessionSettings",
    "SettingDescription",
    "Settings",
    "SocketSettings",
    "describe_settings",
    "load_settings",
]
