import pytest
import trio

from netra_actors.server.frames import Frames
from netra_actors.server.writer import Writer


async def opened() -> tuple[Frames, trio.socket.SocketType, trio.socket.SocketType, list[str]]:
    ours, theirs = trio.socket.socketpair()
    calls: list[str] = []
    writer = Writer(ours, lambda _: None, lambda: None)
    frames = Frames(writer, lambda: calls.append("hung up"))
    frames.open()
    await trio.lowlevel.checkpoint()
    return frames, ours, theirs, calls


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\0\0\0\0\0\x01\0\0"),
    ],
)
async def test_each_length_has_its_header(size: int, head: bytes) -> None:
    frames, ours, theirs, _ = await opened()
    with ours, theirs:
        assert frames.write([b"x" * size])
        assert await theirs.recv(100_000) == head + b"x" * size


async def test_a_batch_is_one_frame_a_payload() -> None:
    frames, ours, theirs, _ = await opened()
    with ours, theirs:
        assert frames.write([b"a", b"", b"bc"])
        assert await theirs.recv(100) == b"\x81\x01a\x81\x00\x81\x02bc"


async def test_a_ping_is_a_ping_of_at_most_125_bytes() -> None:
    frames, ours, theirs, _ = await opened()
    with ours, theirs:
        frames.ping(b"x")
        assert await theirs.recv(100) == b"\x89\x01x"
        with pytest.raises(ValueError, match="125"):
            frames.ping(b"x" * 126)


async def test_nothing_is_written_before_the_accept_or_after_a_close() -> None:
    frames, ours, theirs, calls = await opened()
    with ours, theirs:
        frames.shut()
        with pytest.raises(trio.BrokenResourceError):
            frames.write([b"x"])
        with pytest.raises(trio.BrokenResourceError):
            frames.ping()
        frames.open()
        frames.hang_up()
        assert calls == ["hung up"]
        with pytest.raises(trio.BrokenResourceError):
            frames.write([b"x"])
