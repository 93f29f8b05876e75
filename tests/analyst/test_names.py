from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.analyst.names import MAX_UNKNOWN, Focus, find_names
from netra_actors.analyst.usage import Usage

Make = Callable[..., Usage]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("which model should the summaries use?", ("ticket_summaries",)),
        ("Is Support Chat slow?", ("support_chat",)),
        ("cost of contract reviews", ("contract_review",)),
        ("which model should review use?", ("contract_review",)),
        ("please review our spend", ()),
        ("give me a summary", ()),
        ("compare ATLAS-LARGE and atlas-small", ("atlas-large", "atlas-small")),
        ("what does u_031 cost?", ("u_031",)),
        ("what can we save?", ()),
        ("document search and translations", ("document_search", "translation")),
    ],
)
def test_names_are_found_as_people_say_them(
    sample: Usage, text: str, known: tuple[str, ...]
) -> None:
    focus = find_names(text, sample)
    assert focus.known == known
    assert not focus.unknown


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("why is `voice bot` dear?", ("voice bot",)), ("cost of image_tagging", ("image_tagging",)),
        ("is gpt-4 worth it?", ("gpt-4",)), ("which model should the chatbot use?", ("chatbot",)),
        ("what does the checkout feature cost?", ("checkout",)),
        ("which model should we use?", ()), ("how many input_tokens?", ()),
        ("since 2025-06-11", ()), ("what does the most expensive feature cost?", ()),
    ],
)  # fmt: skip
def test_names_that_the_data_lacks_are_told(
    sample: Usage, text: str, unknown: tuple[str, ...]
) -> None:
    assert find_names(text, sample).unknown == unknown


def test_a_longer_name_is_not_taken_for_a_shorter_one(usage_of: Make) -> None:
    usage = usage_of(
        ("2025-06-01", "u", "f", "gpt-4o", 1, 1, 1, 1, "ok"),
        ("2025-06-01", "u", "f", "gpt-4o-mini", 1, 1, 1, 1, "ok"),
    )
    assert find_names("is gpt-4o-mini good?", usage).models == ("gpt-4o-mini",)


def test_names_that_never_meet_leave_the_feature(sample: Usage) -> None:
    focus = find_names("is atlas-large good for document_search?", sample)
    assert focus.known == ("document_search",)


def test_narrowing_keeps_the_rows_in_question(sample: Usage) -> None:
    focus = Focus(features=("email_drafts",), models=("atlas-small",))
    narrow = focus.narrow(sample)
    assert set(narrow.features) == {"email_drafts"}
    assert set(narrow.models) == {"atlas-small"}
    assert Focus().narrow(sample) is sample


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    usage = Usage([0.0], [0], ["u_1"], ["a_b"], ["m-1"], [1], [1], [1.0], [1.0], ["ok"], [True])
    assert len(find_names(text, usage).unknown) <= MAX_UNKNOWN
