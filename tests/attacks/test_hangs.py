"""Clients that stop reading, stop sending or leave without a word."""

import signal
import socket
import time
from collections.abc import Callable

import pytest

from tests.attacks.conftest import CLOSE, TEXT, Server, eventually, frame


@pytest.mark.parametrize("kind", ["ours", "plain"])
def test_t7_a_handler_that_sends_to_nobody_starves_nobody(
    starter: Callable[..., Server], kind: str
) -> None:
    server = starter(kind)
    wire = server.dial()
    wire.upgrade("spam")
    wire.socket.close()
    assert server.answers()


@pytest.mark.stock
def test_t7_a_handler_that_sends_to_nobody_starves_the_stock_server(
    starter: Callable[..., Server],
) -> None:
    stock = starter("stock")
    wire = stock.dial()
    wire.upgrade("spam")
    wire.socket.close()
    time.sleep(0.2)
    assert not stock.answers(within_s=1)


def test_t8_a_client_that_does_not_read_does_not_hold_the_exit(
    starter: Callable[..., Server],
) -> None:
    ours = starter("ours", graceful_s=0.2)
    wire = ours.dial(receive_buffer=4096)
    wire.upgrade("spam")
    time.sleep(0.2)
    ours.process.send_signal(signal.SIGTERM)
    assert ours.ended(within_s=3)
    assert ours.process.returncode == 0


@pytest.mark.stock
def test_t8_a_client_that_does_not_read_holds_the_stock_exit(
    starter: Callable[..., Server],
) -> None:
    stock = starter("stock", graceful_s=0.2)
    wire = stock.dial(receive_buffer=4096)
    wire.upgrade("spam")
    time.sleep(0.2)
    stock.process.send_signal(signal.SIGTERM)
    assert not stock.ended(within_s=2)


def test_t9_a_handler_that_does_not_receive_learns_that_the_client_left(ours: Server) -> None:
    wire = ours.dial()
    wire.upgrade("deaf")
    assert eventually(lambda: ours.seen()["deaf"] == 1)
    wire.send(frame(TEXT, b"unread") * 30)
    wire.socket.close()
    assert eventually(lambda: ours.seen()["deaf"] == 0)


@pytest.mark.stock
def test_t9_a_stock_handler_that_does_not_receive_learns_nothing(stock: Server) -> None:
    wire = stock.dial()
    wire.upgrade("deaf")
    assert eventually(lambda: stock.seen()["deaf"] == 1)
    wire.send(frame(TEXT, b"unread") * 30)
    wire.socket.close()
    assert not eventually(lambda: stock.seen()["deaf"] == 0, within_s=1)


def test_t9_what_a_handler_does_not_receive_waits_in_the_network(ours: Server) -> None:
    before = ours.memory_mib()
    wire = ours.dial()
    wire.upgrade("deaf")
    wire.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        wire.send(frame(TEXT, b"x" * 8000) * 8192)
    assert ours.memory_mib() - before < 4
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wire.socket.close()


def test_t11_a_connection_that_was_left_is_closed_at_once(ours: Server) -> None:
    wire = ours.dial()
    wire.upgrade()
    wire.send(frame(TEXT, b"there"))
    assert wire.frame() == (0x80 | TEXT, b"there")
    wire.socket.shutdown(socket.SHUT_WR)
    wire.socket.settimeout(1)
    assert wire.frame() is None


@pytest.mark.stock
def test_t11_a_stock_connection_stays_until_the_next_ping(stock: Server) -> None:
    wire = stock.dial()
    wire.upgrade()
    wire.send(frame(TEXT, b"there"))
    assert wire.frame() == (0x80 | TEXT, b"there")
    wire.socket.shutdown(socket.SHUT_WR)
    wire.socket.settimeout(1)
    with pytest.raises(TimeoutError):
        wire.frame()


def test_t15_a_handler_that_ignores_the_drain_still_closes_4001(
    starter: Callable[..., Server],
) -> None:
    ours = starter("ours", graceful_s=0.2)
    wire = ours.dial()
    wire.upgrade("stubborn")
    ours.process.send_signal(signal.SIGTERM)
    assert wire.close_code() == 4001
    assert ours.ended(within_s=3)


@pytest.mark.stock
def test_t15_a_stock_drain_sends_no_close_frame(starter: Callable[..., Server]) -> None:
    stock = starter("stock", graceful_s=0.2)
    wire = stock.dial()
    wire.upgrade("stubborn")
    stock.process.send_signal(signal.SIGTERM)
    assert wire.close_code() is None


def test_t16_a_leaving_client_is_told_to_the_handler_with_its_code(ours: Server) -> None:
    wire = ours.dial()
    wire.upgrade()
    wire.send(frame(CLOSE, (3456).to_bytes(2, "big")))
    assert wire.close_code() == 3456
    assert eventually(lambda: ours.seen().get("closed 3456") == 1)


@pytest.mark.stock
def test_t16_a_stock_handler_is_cancelled_and_told_no_code(stock: Server) -> None:
    before = stock.seen().get("handler cancelled", 0)
    wire = stock.dial()
    wire.upgrade()
    wire.send(frame(CLOSE, (3456).to_bytes(2, "big")))
    assert eventually(lambda: stock.seen().get("handler cancelled", 0) == before + 1)
