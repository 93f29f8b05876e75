"""One request that ends the stock service: here it ends its own connection."""

from collections.abc import Callable

import pytest

from tests.attacks.conftest import BINARY, TEXT, Server, frame

NOT_ASCII = [
    b"Sec-WebSocket-Protocol: \xff",
    b"Sec-WebSocket-Extensions: \xff",
    b"Connection: upgrade, \xe9",
    b"Host: \xff",
]


@pytest.mark.parametrize("line", NOT_ASCII)
def test_t1_a_byte_that_is_not_ascii_is_answered_400(ours: Server, line: bytes) -> None:
    wire = ours.dial()
    assert wire.upgrade("", line).startswith(b"HTTP/1.1 400")
    assert wire.socket.recv(1) == b""
    assert ours.answers()


@pytest.mark.stock
def test_t1_a_byte_that_is_not_ascii_ends_the_stock_server(
    starter: Callable[..., Server],
) -> None:
    stock = starter("stock")
    stock.dial().upgrade("", NOT_ASCII[0])
    assert stock.ended(within_s=3)


def test_t2_bytes_before_the_101_are_answered_400(ours: Server) -> None:
    wire = ours.dial()
    assert wire.upgrade("", then=frame(TEXT, b"early")).startswith(b"HTTP/1.1 400")
    assert wire.socket.recv(1) == b""
    assert ours.answers()


@pytest.mark.stock
def test_t2_bytes_before_the_101_end_the_stock_server(starter: Callable[..., Server]) -> None:
    stock = starter("stock")
    stock.dial().upgrade("", then=frame(TEXT, b"early"))
    assert stock.ended(within_s=3)


def test_t3_a_text_over_the_limit_and_a_binary_frame_close_4413(ours: Server) -> None:
    wire = ours.dial()
    wire.upgrade()
    wire.send(frame(TEXT, b"x" * 70_000) + frame(BINARY, b"x"))
    assert wire.close_code() == 4413
    assert ours.answers()


@pytest.mark.stock
def test_t3_a_text_over_the_limit_and_a_binary_frame_end_the_stock_server(
    starter: Callable[..., Server],
) -> None:
    stock = starter("stock")
    wire = stock.dial()
    wire.upgrade()
    wire.send(frame(TEXT, b"x" * 2000))
    assert wire.close_code() == 1009
    wire.send(frame(BINARY, b"x"))
    assert stock.ended(within_s=3)
