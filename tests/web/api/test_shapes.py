import msgspec

from netra_actors.errors import Conflict
from netra_actors.protocol.codec import error_body
from netra_actors.protocol.commands import SendMessage
from netra_actors.web.api import shapes


def test_an_error_of_the_protocol_fits_the_shape() -> None:
    body = error_body(Conflict("c", run_id="run_1"), message_id="m", re="chat", timestamp=1)
    answer = msgspec.convert(body, shapes.ErrorAnswer)
    assert (answer.error, answer.run_id) == ("conflict", "run_1")


def test_a_messages_body_has_every_field_of_the_command_but_its_thread() -> None:
    fields = {field.name for field in msgspec.structs.fields(SendMessage)} - {"thread_id"}
    assert {field.name for field in msgspec.structs.fields(shapes.MessageBody)} == fields
