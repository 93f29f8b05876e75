import attrs
import pytest

from netra_actors.errors import ConfigurationError
from netra_actors.settings import Plan, load_settings


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("free", (20, 10, 3, 1, 60, 7)),
        ("early", (40, 20, 5, 2, 120, 30)),
        ("mid", (60, 30, 10, 3, 300, 90)),
        ("enterprise", (300, 60, 20, 10, 900, 365)),
    ],
)
def test_each_plan_has_the_figures_of_the_protocol(name: str, figures: tuple[float, ...]) -> None:
    plan: Plan = load_settings({}).plans.named(name)
    assert attrs.astuple(plan) == figures


def test_one_figure_of_one_plan_can_be_set() -> None:
    plans = load_settings({"NETRA_PLAN_MID_CONNECTIONS": "4"}).plans
    assert plans.mid.connections == 4
    assert plans.free.connections == 3


def test_a_wrong_figure_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^NETRA_PLAN_FREE_RUNS='0' is not accepted"):
        load_settings({"NETRA_PLAN_FREE_RUNS": "0"})


def test_a_plan_nobody_knows_is_the_smallest() -> None:
    plans = load_settings({}).plans
    assert plans.named("gold") is plans.free
    assert plans.named("named") is plans.free
