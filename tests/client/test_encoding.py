import json

from netra_actors.client.encoding import encode_command, encode_rpc
from netra_actors.protocol.commands import Resync, SendMessage, StopAgent
from netra_actors.protocol.decoding import decode_command


def test_the_service_reads_a_command_as_it_was_meant() -> None:
    command = SendMessage(message_id="m-17", content="hällo", agent="a-17", attachments=("f-17",))
    decoded = decode_command(encode_command(command), user_id="u-17")
    assert decoded.command == command
    assert decoded.message_id == "m-17"


def test_the_service_reads_json_rpc_and_keeps_its_id_apart() -> None:
    decoded = decode_command(encode_rpc(StopAgent(message_id="m-17"), "rpc-1"), user_id="u-17")
    assert decoded.is_rpc
    assert decoded.rpc_id == "rpc-1"
    assert isinstance(decoded.command, StopAgent)
    assert decoded.command.target_message_id == "m-17"


def test_resync_says_from_on_the_wire() -> None:
    assert json.loads(encode_command(Resync(from_=7))) == {"type": "resync", "from": 7}
