"""From the environment to `Settings`, and from `Settings` to words for the operator."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, final

import attrs
import environ

from netra_actors.settings.groups import (
    AgentSettings,
    AuthSettings,
    DrainSettings,
    LogSettings,
    RecordSettings,
    ServerSettings,
    SessionSettings,
    SocketSettings,
)
from netra_actors.settings.plans import PLAN_DEFAULTS, PLANS_PREFIX, Plans
from netra_actors.settings.values import Kind, Named

if TYPE_CHECKING:
    from attrs import frozen as settings_root
else:
    settings_root = environ.config(prefix="NETRA", frozen=True)

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "NETRA_PORT": ("PORT",),
    "NETRA_DATABASE_URL": ("DATABASE_URL",),
    "NETRA_REDIS_URL": ("REDIS_URL",),
    "NETRA_WORKERS": ("WEB_CONCURRENCY",),
}
"""Other names under which platforms set a variable; our own name wins."""


@settings_root
class Settings:
    """Everything an operator can set; frozen, read once at start."""

    server: ServerSettings = environ.group(ServerSettings)
    record: RecordSettings = environ.group(RecordSettings)
    auth: AuthSettings = environ.group(AuthSettings)
    sockets: SocketSettings = environ.group(SocketSettings)
    sessions: SessionSettings = environ.group(SessionSettings)
    drain: DrainSettings = environ.group(DrainSettings)
    agents: AgentSettings = environ.group(AgentSettings)
    log: LogSettings = environ.group(LogSettings)
    plans: Plans = environ.group(Plans)


@final
@attrs.frozen
class SettingDescription:
    """One setting, in words."""

    variable: str
    aliases: tuple[str, ...]
    default: str
    """As it would be written in the environment; empty when there is none."""
    help: str
    accepts: str
    current: str | None
    """What the environment says, secrets masked; None where it says nothing."""


@final
@attrs.frozen
class _Environment(Mapping[str, str]):
    """The environment with aliases resolved and the plans' table behind it.

    A variable that is set to nothing counts as not set, as in the shell's ``${NAME:-default}``.
    """

    _environ: Mapping[str, str]

    def __getitem__(self, variable: str) -> str:
        for name in (variable, *ALIASES.get(variable, ())):
            if text := self._environ.get(name, "").strip():
                return Named(name, text)
        return Named(variable, PLAN_DEFAULTS[variable])

    def __iter__(self) -> Iterator[str]:
        return iter({*self._environ, *PLAN_DEFAULTS})

    def __len__(self) -> int:
        return len({*self._environ, *PLAN_DEFAULTS})


def load_settings(environ_: Mapping[str, str]) -> Settings:
    """Return the settings that *environ_* holds, defaults where it says nothing.

    Raises:
        ConfigurationError: a value is not accepted; names the variable, the value (secrets
            masked) and what is accepted.
    """
    return environ.to_config(Settings, _Environment(environ_))  # type: ignore[arg-type]  # any mapping does


def describe_settings(environ_: Mapping[str, str] | None = None) -> list[SettingDescription]:
    """Return every setting in words, in the order of the groups; never a secret."""
    given = environ_ or {}
    return [_describe(variable, field, given) for variable, field in _fields(Settings, "NETRA")]


def _fields(group: Any, prefix: str) -> Iterator[tuple[str, "attrs.Attribute[Any]"]]:
    for field in attrs.fields(group):
        entry = field.metadata["environ_config"]
        if entry.sub_cls is None:
            yield entry.name or f"{prefix}_{field.name}".upper(), field
        else:
            name = PLANS_PREFIX if entry.sub_cls is Plans else field.name
            yield from _fields(entry.sub_cls, f"{prefix}_{name}")


def _describe(
    variable: str, field: "attrs.Attribute[Any]", given: Mapping[str, str]
) -> SettingDescription:
    entry = field.metadata["environ_config"]
    kind = field.converter
    assert isinstance(kind, Kind)  # noqa: S101  # every field of the groups is made with one
    default = PLAN_DEFAULTS.get(variable) or _written(field.default)
    aliases = ALIASES.get(variable, ())
    texts = (given.get(name, "").strip() for name in (variable, *aliases))
    current = next((text for text in texts if text), None)
    return SettingDescription(
        variable=variable,
        aliases=aliases,
        default=default,
        help=entry.help,
        accepts=kind.accepts,
        current=None if current is None else kind.show(current),
    )


def _written(default: Any) -> str:
    if default is None or default is attrs.NOTHING:
        return ""
    if isinstance(default, tuple):
        return ",".join(str(item) for item in default)
    return f"{default:g}" if isinstance(default, float) else str(default)
