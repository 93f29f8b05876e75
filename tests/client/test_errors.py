import pytest

from netra_actors import errors
from netra_actors.client.errors import error_from_wire


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("unauthorized", errors.Unauthorized),
        ("not_found", errors.NotFound),
        ("busy", errors.Busy),
        ("queue_full", errors.QueueFull),
        ("message_too_large", errors.MessageTooLarge),
        ("unavailable", errors.Unavailable),
    ],
)
def test_a_code_of_the_wire_becomes_the_class_that_has_it(
    code: str, kind: type[errors.ClientError]
) -> None:
    assert type(error_from_wire({"error": code, "message": "what"})) is kind


def test_the_facts_of_the_frame_are_kept() -> None:
    error = error_from_wire({
        "error": "rate_limited", "message": "slow down", "recovery": "wait", "field": "f",
        "retry_after_s": 3, "run_id": "run_1",
    })  # fmt: skip
    assert (str(error), error.advice, error.field) == ("slow down", "wait", "f")
    assert (error.retry_after_s, error.run_id) == (3.0, "run_1")


def test_a_code_of_a_later_release_is_named_in_the_text() -> None:
    error = error_from_wire({"error": "too_sunny", "message": "come back at night"})
    assert type(error) is errors.ClientError
    assert str(error) == "too_sunny: come back at night"


def test_a_body_without_anything_is_still_an_error() -> None:
    assert "unknown" in str(error_from_wire({}))
