import msgspec

from netra_actors.analyst.findings import Anomalies


def test_what_was_not_looked_for_is_empty_and_not_shared() -> None:
    one, other = Anomalies(), Anomalies()
    assert msgspec.to_builtins(one) == {"spikes": [], "storms": [], "regressions": []}
    assert one.spikes is not other.spikes
