import attrs
import pytest

from netra_actors.settings import Settings, load_settings

UNITS = ("_s", "_bytes", "_d", "_min")


def test_every_number_that_is_no_count_says_its_unit() -> None:
    for group in attrs.fields(Settings):
        slice_ = getattr(load_settings({}), group.name)
        for field in attrs.fields(type(slice_)):
            if isinstance(getattr(slice_, field.name), float):
                assert field.name.endswith(UNITS), field.name


@pytest.mark.parametrize(
    ("variable", "text", "path", "value"),
    [
        ("NETRA_AGENTS", "shop.agents,more", "agents.modules", ("shop.agents", "more")),
        ("NETRA_ALLOWED_ORIGINS", "https://a.b", "server.allowed_origins", ("https://a.b",)),
        ("NETRA_HEARTBEAT_S", "3", "sockets.heartbeat_s", 3.0),
        ("NETRA_LOG_LIMIT_BYTES", "2MiB", "sessions.log_limit_bytes", 2 << 20),
        ("NETRA_DEFAULT_PLAN", "free", "auth.default_plan", "free"),
        ("NETRA_LOG_LEVEL", "debug", "log.level", "debug"),
        ("NETRA_RUN_GRACE_S", "1.5", "drain.run_grace_s", 1.5),
    ],
)
def test_a_variable_sets_its_field(variable: str, text: str, path: str, value: object) -> None:
    group, _, field = path.partition(".")
    assert getattr(getattr(load_settings({variable: text}), group), field) == value
