"""One user's connections: nobody else's, and who of them is quiet."""

import pytest
import trio
from trio.testing import MockClock

from netra_actors.connections.manager import WebSocketManager
from netra_actors.errors import ForbiddenUser
from netra_actors.identity import ConnectionID
from tests.connections.hall import open_hall


async def test_it_holds_the_connections_of_its_user(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        phone, laptop = await hall.device(), await hall.device()
        manager = WebSocketManager(phone.connection.context)
        assert not manager.is_connection_active()
        manager.add_connection(phone.connection)
        manager.add_connection(laptop.connection)
        assert manager.connections == (phone.connection, laptop.connection)
        assert manager.get_connection(laptop.connection.connection_id) is laptop.connection
        assert manager.remove_connection(phone.connection.connection_id)
        assert not manager.remove_connection(phone.connection.connection_id)
        assert manager.get_connection(phone.connection.connection_id) is None
        assert (len(manager), manager.is_connection_active()) == (1, True)


async def test_another_users_connection_is_refused(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        alice, bob = await hall.device(), await hall.device("bob")
        manager = WebSocketManager(alice.connection.context)
        with pytest.raises(ForbiddenUser):
            manager.add_connection(bob.connection)
        assert not manager.is_connection_active()
        assert manager.get_connection(ConnectionID(bob.connection.connection_id)) is None


async def test_the_quietest_is_the_one_unheard_for_longest(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        devices = [await hall.device() for _ in range(3)]
        manager = WebSocketManager(devices[0].connection.context)
        assert manager.quietest(before=1e9) is None
        for device, heard in zip(devices, (5.0, 3.0, 9.0), strict=True):
            manager.add_connection(device.connection)
            device.sink.last_heard = heard
        assert manager.quietest(before=6.0) is devices[1].connection
        assert manager.quietest(before=3.0) is None


async def test_it_knows_for_how_long_the_user_is_here(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        first = await hall.device()
        manager = WebSocketManager(first.connection.context)
        assert manager.connected_for_s() == 0
        manager.add_connection(first.connection)
        await trio.sleep(3)
        second = await hall.device()
        manager.add_connection(second.connection)
        await trio.sleep(1)
        assert manager.connected_for_s() == pytest.approx(4)
        manager.remove_connection(first.connection.connection_id)
        assert manager.connected_for_s() == pytest.approx(1)
