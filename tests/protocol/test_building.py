from typing import Any

import pytest

from netra_actors.errors import ClientError, EmptyMessage, InvalidField, UnknownType
from netra_actors.protocol import command_types as c
from netra_actors.protocol.building import build_command
from netra_actors.protocol.fields import Fields


@pytest.mark.parametrize(
    ("name", "fields", "command"),
    [
        ("hello", {"token": "t", "cursor": {"epoch": "e", "seq": 0}},
         c.Hello(token="t", cursor=c.Cursor("e", 0))),
        ("hello", {"device": "phone", "thread_id": "thr"},
         c.Hello(device="phone", thread_id="thr")),
        ("start_agent", {"user_request": "a"}, c.SendMessage(content="a")),
        ("user_message", {"content": "a", "attachments": ["f", {"file_id": "g"}]},
         c.SendMessage(content="a", attachments=("f", "g"))),
        ("cancel", {"run_id": "r", "message_id": "m"}, c.StopAgent(run_id="r", message_id="m")),
        ("stop_agent", {"all": True}, c.StopAgent(all=True)),
        ("list_threads", {}, c.ListThreads()),
        ("create_thread", {"title": " a "}, c.CreateThread(title="a")),
        ("rename_thread", {"thread_id": "t", "title": "a"},
         c.RenameThread(thread_id="t", title="a")),
        ("delete_thread", {"thread_id": "t"}, c.DeleteThread(thread_id="t")),
        ("switch_thread", {"thread_id": "t"}, c.SwitchThread(thread_id="t")),
        ("get_thread_history", {"thread_id": "t"}, c.GetThreadHistory(thread_id="t", limit=50)),
        ("get_thread_history", {"thread_id": "t", "limit": 1, "before": "m"},
         c.GetThreadHistory(thread_id="t", limit=1, before="m")),
        ("user_typing", {"is_typing": False}, c.Typing(is_typing=False)),
        ("typing", {}, c.Typing(is_typing=True)),
        ("typing_started", {"is_typing": False}, c.Typing(is_typing=True)),
        ("typing_stopped", {"is_typing": True}, c.Typing(is_typing=False)),
        ("ack", {"seq": 0}, c.Ack(seq=0)),
        ("resync", {"from": 3}, c.Resync(from_=3)),
        ("auth", {"token": "t"}, c.Auth(token="t")),
        ("ping", {"nonce": 5}, c.Ping(nonce=5)),
        ("ping", {"nonce": "n"}, c.Ping(nonce="n")),
    ],
)  # fmt: skip
def test_each_type_has_its_command(name: str, fields: dict[str, Any], command: c.Command) -> None:
    assert build_command(name, Fields({}, fields)) == command
    assert build_command(name, Fields(fields, None)) == command


def test_every_command_keeps_its_message_id() -> None:
    every = {"content": "a", "run_id": "r", "thread_id": "t", "title": "a", "seq": 1, "from": 1,
             "token": "t", "message_id": "m"}  # fmt: skip
    for name in (*c.COMMANDS, *c.ALIASES):
        command = build_command(name, Fields({}, every))
        assert command.message_id == "m"
        assert command.type == c.ALIASES.get(name, name)


@pytest.mark.parametrize(
    ("name", "fields", "error", "field"),
    [
        (None, {}, InvalidField, "type"),
        (5, {}, InvalidField, "type"),
        ("dance", {}, UnknownType, "type"),
        ("chat", {"content": "\n"}, EmptyMessage, "payload.content"),
        ("chat", {"content": "a", "attachments": "f"}, InvalidField, "payload.attachments"),
        ("chat", {"content": "a", "attachments": [5]}, InvalidField,
         "payload.attachments[0].file_id"),
        ("chat", {"content": "a", "attachments": [None]}, InvalidField,
         "payload.attachments[0].file_id"),
        ("hello", {"cursor": []}, InvalidField, "payload.cursor"),
        ("hello", {"cursor": {"seq": 1}}, InvalidField, "payload.cursor.epoch"),
        ("hello", {"cursor": {"epoch": "e", "seq": "1"}}, InvalidField, "payload.cursor.seq"),
        ("stop_agent", {"all": False}, InvalidField, "payload.run_id"),
        ("rename_thread", {"thread_id": "t", "title": " "}, InvalidField, "payload.title"),
        ("ping", {"nonce": 1.5}, InvalidField, "payload.nonce"),
        ("ping", {"nonce": "n" * 129}, InvalidField, "payload.nonce"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    name: object, fields: dict[str, Any], error: type[ClientError], field: str
) -> None:
    with pytest.raises(error) as caught:
        build_command(name, Fields({}, fields))
    assert caught.value.field == field


def test_json_rpc_calls_its_type_a_method() -> None:
    with pytest.raises(UnknownType) as caught:
        build_command("dance", Fields({}, {}, "params"), type_field="method")
    assert caught.value.field == "method"
