import pytest

from netra_actors.protocol.command_types import (
    ALIASES,
    COMMANDS,
    OVERTAKING,
    CreateThread,
    Ping,
    Resync,
    SendMessage,
    StopAgent,
    command_fields,
)


def test_commands_are_found_by_their_types() -> None:
    assert all(name == command.type for name, command in COMMANDS.items())
    assert set(ALIASES.values()) <= set(COMMANDS)
    assert not set(ALIASES) & set(COMMANDS)
    assert {name for name, command in COMMANDS.items() if command in OVERTAKING} == {
        "stop_agent",
        "auth",
        "ping",
    }


def test_a_stop_without_run_id_names_its_message() -> None:
    assert StopAgent(message_id="m1").target_message_id == "m1"
    assert StopAgent(message_id="m1", run_id="r1").target_message_id is None
    assert StopAgent(message_id="m1", thread_id="t1").target_message_id == "m1"


def test_fields_at_their_default_are_left_out() -> None:
    assert command_fields(CreateThread()) == {}
    assert command_fields(Resync(from_=5)) == {"from": 5}
    assert command_fields(SendMessage(content="a", priority="high")) == {
        "content": "a",
        "priority": "high",
    }


def test_a_command_never_changes() -> None:
    ping = Ping(nonce="n")
    with pytest.raises(AttributeError):
        ping.nonce = "m"  # type: ignore[misc]  # that it cannot is the point
