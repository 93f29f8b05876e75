"""Frames that are too large, compressed, malformed or empty; and handlers that crash."""

import zlib
from collections.abc import Callable

import pytest

from tests.attacks.conftest import BINARY, TEXT, Server, eventually, frame

DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate"
UNENDED = 0x01  # a text frame without FIN: more of the message follows
MORE = 0x00


def test_t12_the_limit_counts_bytes(ours: Server) -> None:
    wire = ours.dial()
    wire.upgrade()
    fits = "é".encode() * 32_768
    wire.send(frame(TEXT, fits))
    assert wire.frame() == (0x80 | TEXT, fits)
    wire.send(frame(TEXT, fits + b"x"))
    assert wire.close_code() == 4413


@pytest.mark.stock
def test_t12_the_stock_limit_counts_characters(stock: Server) -> None:
    wire = stock.dial()
    wire.upgrade()
    wire.send(frame(TEXT, "é".encode() * 900))  # the limit is 1,000 bytes
    got = wire.frame()
    assert got is not None
    assert got[0] == 0x80 | TEXT


def flood(server: Server, mebibytes: int) -> float:
    """Go on with a message over the limit; return by how many MiB the server has grown."""
    wire = server.dial()
    wire.upgrade()
    wire.socket.settimeout(2)
    before = server.memory_mib()
    piece = frame(TEXT, b"x" * 65536, head=MORE)
    wire.send(frame(TEXT, b"x" * 70_000, head=UNENDED))
    try:
        for _ in range(mebibytes * 16):
            wire.send(piece)
    except OSError:
        pass  # closed on us, which is one way to hold
    server.answers()
    after = server.memory_mib()
    wire.socket.close()
    return after - before


def test_t12_what_comes_after_an_oversized_message_is_not_kept(ours: Server) -> None:
    assert flood(ours, 32) < 6


@pytest.mark.stock
def test_t12_the_stock_server_keeps_what_comes_after_an_oversized_message(
    starter: Callable[..., Server],
) -> None:
    assert flood(starter("stock"), 32) > 12


def bomb() -> bytes:
    """Return 16 MiB of zeros as one compressed frame of 16 KiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(16 * 1024 * 1024)) + packer.flush(zlib.Z_SYNC_FLUSH)
    return frame(TEXT, packed.removesuffix(b"\x00\x00\xff\xff"), head=0xC0 | TEXT)


def test_t13_compression_is_not_negotiated_and_a_bomb_is_a_malformed_frame(ours: Server) -> None:
    before = ours.memory_mib("VmHWM")
    wire = ours.dial()
    assert b"permessage-deflate" not in wire.upgrade("", DEFLATE).lower()
    wire.send(bomb())
    assert wire.close_code() == 1002
    assert ours.memory_mib("VmHWM") - before < 4


@pytest.mark.stock
def test_t13_the_stock_server_inflates_a_bomb(stock: Server) -> None:
    before = stock.memory_mib("VmRSS")
    wire = stock.dial()
    assert b"permessage-deflate" in wire.upgrade("", DEFLATE).lower()
    wire.send(bomb())
    assert wire.close_code() == 1009
    assert stock.memory_mib("VmHWM") - before > 16


def test_t14_a_cancelled_send_leaves_the_stream_whole(ours: Server) -> None:
    wire = ours.dial(receive_buffer=4096)
    assert b"permessage-deflate" not in wire.upgrade("cancelled", DEFLATE).lower()
    assert eventually(lambda: ours.seen().get("drain cancelled") == 1)
    first, third = wire.frame(), wire.frame()
    assert first is not None
    assert len(first[1]) == 900_000
    assert third == (0x80 | TEXT, ours.third())


@pytest.mark.stock
def test_t14_a_cancelled_compressed_send_corrupts_the_stock_stream(stock: Server) -> None:
    wire = stock.dial(receive_buffer=4096)
    wire.upgrade("cancelled", DEFLATE)
    wire.socket.settimeout(5)
    unpacker = zlib.decompressobj(-15)
    got = []
    try:
        for wait_s in (1.0, 0.0):
            eventually(lambda: False, within_s=wait_s)  # unread until the second send gave up
            packed = wire.frame()
            assert packed is not None
            got.append(unpacker.decompress(packed[1] + b"\x00\x00\xff\xff"))
    except zlib.error:
        return  # loud, at least
    assert got[1] != stock.third()


def test_t17_a_crashed_handler_closes_4050(ours: Server) -> None:
    wire = ours.dial()
    wire.upgrade("crash")
    assert wire.close_code() == 4050


@pytest.mark.stock
def test_t17_a_crashed_stock_handler_looks_like_success(stock: Server) -> None:
    wire = stock.dial()
    wire.upgrade("crash")
    assert wire.close_code() == 1000


MALFORMED = [
    pytest.param(frame(TEXT, b"x", head=0x83), 1002, id="opcode"),
    pytest.param(frame(TEXT, b"x", mask=False), 1002, id="unmasked"),
    pytest.param(frame(TEXT, b"\xff\xfe"), 1007, id="utf8"),
]


@pytest.mark.parametrize(("bad", "code"), MALFORMED)
def test_t18_a_malformed_frame_is_answered_with_its_code(
    ours: Server, bad: bytes, code: int
) -> None:
    wire = ours.dial()
    wire.upgrade()
    wire.send(bad)
    assert wire.close_code() == code


@pytest.mark.stock
@pytest.mark.parametrize(("bad", "code"), MALFORMED)
def test_t18_a_malformed_frame_gets_no_code_from_the_stock_server(
    stock: Server, bad: bytes, code: int
) -> None:
    wire = stock.dial()
    wire.upgrade()
    wire.send(bad)
    assert wire.close_code() != code


def test_t19_an_empty_binary_message_is_empty_bytes(ours: Server) -> None:
    wire = ours.dial()
    wire.upgrade()
    wire.send(frame(BINARY))
    assert wire.frame() == (0x80 | TEXT, b"")
    assert ours.seen()["b''"] >= 1


@pytest.mark.stock
def test_t19_an_empty_binary_message_is_none_in_the_stock_handler(stock: Server) -> None:
    wire = stock.dial()
    wire.upgrade()
    wire.send(frame(BINARY))
    assert wire.frame() == (0x80 | TEXT, b"None")
