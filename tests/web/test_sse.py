from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.protocol.commands import Cursor
from netra_actors.web.ports import StreamItem
from netra_actors.web.sse import EventStream, encode_item


def test_a_log_event_has_an_id_and_no_name() -> None:
    item = StreamItem(data=b'{"seq":1}', cursor=Cursor(epoch="e_1", seq=1))
    assert encode_item(item) == b'id: e_1:1\ndata: {"seq":1}\n\n'


def test_a_control_object_has_a_name_and_no_id() -> None:
    item = StreamItem(data=b"{}", name="welcome")
    assert encode_item(item) == b"event: welcome\ndata: {}\n\n"


@given(st.text(max_size=50))
def test_text_of_any_kind_stays_one_event(text: str) -> None:
    try:
        data = msgspec.json.encode({"text": text})
    except UnicodeEncodeError:
        return
    encoded = encode_item(StreamItem(data=data))
    assert encoded.count(b"\n") == 2
    assert msgspec.json.decode(encoded.removeprefix(b"data: ").strip()) == {"text": text}


class Broken:
    def __aiter__(self) -> "Broken":
        return self

    async def __anext__(self) -> Sequence[StreamItem]:
        raise OSError("the stream broke")


async def test_a_stream_that_breaks_is_left_all_the_same() -> None:
    left: list[BaseException | None] = []

    @asynccontextmanager
    async def batches() -> AsyncIterator[AsyncIterator[Sequence[StreamItem]]]:
        try:
            yield Broken()
        except OSError as error:
            left.append(error)
            raise

    stream = EventStream(batches(), expires_at=10, wall_clock_ms=lambda: 0)

    async def send_all() -> None:
        async with stream as body:
            async for _ in body:
                pass

    with pytest.raises(OSError, match="broke"):
        await send_all()
    assert len(left) == 1
