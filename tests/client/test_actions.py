from typing import get_args

from netra_actors import client
from netra_actors.client.actions import Action, Update


def test_every_update_can_be_named_by_users_of_the_client() -> None:
    assert {update.__name__ for update in get_args(Update)} <= set(client.__all__)


def test_what_the_core_says_is_an_update_or_for_the_shell() -> None:
    for_the_shell = {"Answered", "RenewToken", "Drop", "Failed"}
    of_the_shell = {"Disconnected"}
    actions = {action.__name__ for action in get_args(Action)}
    updates = {update.__name__ for update in get_args(Update)}
    assert actions - updates == for_the_shell
    assert updates - actions == of_the_shell
