import attrs
import pytest

from netra_actors.analyst import sentences
from netra_actors.analyst.change import Driver, ModelShare
from netra_actors.analyst.latency import Regression
from netra_actors.analyst.models import ModelUse
from netra_actors.analyst.spikes import Spike
from netra_actors.analyst.storms import Storm
from netra_actors.analyst.wording import day_number

STORM = Storm(
    feature="f", day="2025-06-25", started_at=1750857000, ended_at=1750861194, calls=12, chains=1,
    users=["u"], models=["m"], statuses=["timeout"], cost_usd=3, wasted_calls=9, wasted_usd=2,
)  # fmt: skip


@attrs.frozen
class Effects:
    volume: float = 0
    size: float = 0
    price: float = 0


def driver(effects: Effects, *, calls: tuple[int, int] = (10, 20)) -> Driver:
    delta = effects.volume + effects.size + effects.price
    return Driver(
        feature="f", before_usd=10, after_usd=10 + delta, delta_usd=delta,
        volume_usd=effects.volume, size_usd=effects.size, price_usd=effects.price,
        calls_before=calls[0], calls_after=calls[1],
        model_shares=[ModelShare("big", 0.2, 0.9), ModelShare("small", 0.8, 0.1)],
    )  # fmt: skip


def test_a_storm_is_told_with_day_hours_users_and_cost() -> None:
    text = sentences.storm(STORM)
    for part in ("25 June 2025", "13:10", "14:19", "12 calls", "1 user (u)", "timeout", "$3.00"):
        assert part in text


@pytest.mark.parametrize(
    ("effects", "reason"),
    [
        (Effects(volume=5), "mostly more calls, 20 instead of 10 (+$5.00)"),
        (Effects(size=5), "mostly larger calls"), (Effects(size=-5), "mostly smaller calls"),
        (Effects(price=5), "mostly dearer models (+$5.00); big now takes 90%"),
    ],
)  # fmt: skip
def test_a_driver_is_told_with_its_main_reason(effects: Effects, reason: str) -> None:
    assert reason in sentences.driver(driver(effects), 10)


def test_a_driver_without_a_change_of_models_is_a_price() -> None:
    plain = driver(Effects(price=5))
    shares = [ModelShare("big", 1, 1)]
    same = Driver(**{
        **{f: getattr(plain, f) for f in plain.__struct_fields__},
        "model_shares": shares,
    })
    assert "mostly a dearer token" in sentences.driver(same, 10)


def test_features_that_come_and_go_are_told_as_such() -> None:
    assert "is new" in sentences.driver(driver(Effects(volume=5), calls=(0, 5)), 5)
    assert "is gone" in sentences.driver(driver(Effects(volume=-5), calls=(5, 0)), -5)


def test_a_storm_within_the_days_is_a_part_of_the_reason() -> None:
    text = sentences.driver(driver(Effects(volume=5)), 10, [STORM])
    assert "12 of them, for $3.00, are the retry storm of 25 June 2025." in text


@pytest.mark.parametrize(
    ("ratio", "part"),
    [(1.5, "answers became 50% longer"), (1.0, "did not become longer"), (None, "median")],
)
def test_a_regression_says_whether_longer_answers_explain_it(
    ratio: float | None, part: str
) -> None:
    found = Regression(
        feature="f", model="m", since="2025-06-11", day=1, before_p50_ms=1000, after_p50_ms=2000,
        before_p95_ms=2000, after_p95_ms=4000, ratio=2, calls_since=9, output_ratio=ratio,
    )  # fmt: skip
    text = sentences.regression(found, ["g"])
    assert part in text
    assert "2.0 s instead of 1.0 s" in text
    assert "g on the same model did not slow down" in text


def test_a_spike_is_told_against_the_usual() -> None:
    day = day_number("2025-06-25")
    text = sentences.spike(
        Spike(
            feature="f",
            first_day="",
            last_day="",
            first=day,
            last=day,
            cost_usd=9,
            usual_usd=2,
            excess_usd=7,
            failed_share=0,
        )
    )
    assert text == "f cost $9.00 on 25 June 2025; such days usually cost $2.00."


def test_a_model_without_success_has_no_cost_per_success() -> None:
    use = ModelUse(
        model="m", calls=3, success_rate=0, cost_usd=1, cost_per_success_usd=None, p50_ms=None,
        p95_ms=None, input_tokens_per_call=1, output_tokens_per_success=None,
    )  # fmt: skip
    assert sentences.model_use(use) == "m: 3 calls, 0.0% succeed."
