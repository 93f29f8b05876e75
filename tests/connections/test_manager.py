"""One user's connections: found by id, nobody else's let in."""

import pytest
import trio
from trio.testing import MockClock

from netra_actors.connections.manager import WebSocketManager
from netra_actors.errors import ForbiddenUser
from tests.connections.doubles import make_hall
from tests.connections.test_pool import context, quiet
from tests.sessions.world import open_world


async def test_connections_are_kept_in_the_order_of_their_coming(
    autojump_clock: MockClock,
) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        async with hall.connected() as (one, _), hall.connected() as (two, _):
            manager = WebSocketManager(context())
            assert not manager.is_connection_active()
            manager.add_connection(two)
            manager.add_connection(one)
            assert manager.connections == (two, one)
            assert manager.get_connection(one.connection_id) is one
            assert manager.is_connection_active()
            assert manager.remove_connection(two.connection_id)
            assert not manager.remove_connection(two.connection_id)
            assert len(manager) == 1


async def test_another_users_connection_is_refused(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        async with hall.connected("bob") as (bobs, _):
            with pytest.raises(ForbiddenUser):
                WebSocketManager(context()).add_connection(bobs)


async def test_the_quietest_is_the_one_unheard_for_longest(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        async with hall.connected() as (one, first), hall.connected() as (_, second):
            manager = hall.pool.manager(context())
            assert manager is not None
            first.last_heard, second.last_heard = 5.0, 7.0
            assert manager.quietest(before=6.0) is one
            assert manager.quietest(before=8.0) is one
            assert manager.quietest(before=5.0) is None


async def test_connected_for_is_counted_from_the_first(autojump_clock: MockClock) -> None:
    async with open_world(quiet) as world:
        hall = make_hall(world)
        assert WebSocketManager(context()).connected_for_s() == 0.0
        async with hall.connected():
            await trio.sleep(3)
            async with hall.connected():
                manager = hall.pool.manager(context())
                assert manager is not None
                assert manager.connected_for_s() == pytest.approx(3)
