from netra_actors.protocol.runs import Phase, RunState


def _run(**fields: object) -> RunState:
    return RunState(run_id="r", parent_run_id=None, thread_id=None, message_id=None, **fields)  # type: ignore[arg-type]  # any of its fields


def test_a_run_has_started_once_it_is_no_longer_queued() -> None:
    assert not _run().started
    assert all(_run(phase=phase).started for phase in Phase if phase is not Phase.QUEUED)


def test_a_run_says_how_far_it_is() -> None:
    assert _run().describe() == "queued"
    assert _run(phase=Phase.FAILING).describe() == "failing"
    assert _run(cancelling=True, tools={"a": "x", "b": "y"}, subruns={"s": "z"}).describe() == (
        "queued and being cancelled and with tools a, b open and with sub-runs s open"
    )
