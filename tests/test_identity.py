"""Identifiers sort and never repeat; contexts say who is asking and cannot be bent."""

from collections.abc import Callable
from itertools import count
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.errors import InvalidContextError
from netra_actors.identity import (
    MAX_DEPTH,
    RequestID,
    RunID,
    ThreadID,
    UnifiedIdGenerator,
    UserExecutionContext,
    UserID,
    check_id,
    wall_clock_ms,
)

NOW = 1_800_000_000_000
MAKERS: dict[str, Callable[[UnifiedIdGenerator], str]] = {
    "u": UnifiedIdGenerator.generate_user_id,
    "thr": UnifiedIdGenerator.generate_thread_id,
    "run": UnifiedIdGenerator.generate_run_id,
    "msg": UnifiedIdGenerator.generate_message_id,
    "req": UnifiedIdGenerator.generate_request_id,
    "call": UnifiedIdGenerator.generate_call_id,
    "file": UnifiedIdGenerator.generate_file_id,
    "conn": UnifiedIdGenerator.generate_websocket_connection_id,
}


def zeros(size: int) -> bytes:
    return bytes(size)


def alice(**fields: Any) -> UserExecutionContext:
    return UserExecutionContext(user_id=UserID("alice"), **fields)


@pytest.mark.parametrize("prefix", MAKERS)
def test_each_kind_has_its_prefix_and_passes_the_check(prefix: str) -> None:
    made = MAKERS[prefix](UnifiedIdGenerator())
    assert made.startswith(f"{prefix}_")
    assert check_id("any", made) == made
    assert UnifiedIdGenerator.parse_id(made).prefix == prefix


@given(st.lists(st.integers(0, 2**47), min_size=2, max_size=50))
def test_identifiers_sort_in_the_order_they_were_made_whatever_the_clock_does(
    instants: list[int],
) -> None:
    clock = iter(instants)
    ids = UnifiedIdGenerator(entropy=zeros, clock=lambda: next(clock))
    made = [ids.generate("run") for _ in instants]
    assert made == sorted(set(made))


def test_a_clock_that_stands_still_gives_a_rising_counter() -> None:
    ids = UnifiedIdGenerator(entropy=zeros, clock=lambda: NOW)
    made = [ids.generate("run") for _ in range(5_000)]
    assert len(set(made)) == 5_000
    assert made == sorted(made)
    parsed = [UnifiedIdGenerator.parse_id(one) for one in made]
    assert [one.counter for one in parsed] == list(range(5_000))
    assert {one.timestamp for one in parsed} == {NOW}


def test_a_counter_that_is_used_up_borrows_the_next_millisecond() -> None:
    ids = UnifiedIdGenerator(entropy=zeros, clock=lambda: NOW)
    first = ids.generate("run")
    ids._counter = 32**4 - 1
    second = ids.generate("run")
    parsed = UnifiedIdGenerator.parse_id(second)
    assert (parsed.timestamp, parsed.counter) == (NOW + 1, 0)
    assert first < second


def test_two_generators_differ_by_their_entropy() -> None:
    left, right = (UnifiedIdGenerator(clock=lambda: NOW).generate("run") for _ in range(2))
    assert left != right
    assert left[:18] == right[:18]


def test_the_same_entropy_and_clock_make_the_same_identifiers() -> None:
    def make() -> list[str]:
        numbers = count()
        ids = UnifiedIdGenerator(
            entropy=lambda size: next(numbers).to_bytes(size, "big"), clock=lambda: NOW
        )
        return [ids.generate("x") for _ in range(10)]

    assert make() == make()


@given(st.integers(0, 2**48 - 1), st.binary(min_size=7, max_size=7))
def test_an_identifier_can_be_taken_apart(instant: int, entropy: bytes) -> None:
    ids = UnifiedIdGenerator(entropy=lambda _: entropy, clock=lambda: instant)
    parsed = UnifiedIdGenerator.parse_id(ids.generate("my_run"))
    assert (parsed.prefix, parsed.timestamp) == ("my_run", instant)
    assert len(parsed.random) == 10


@pytest.mark.parametrize(
    "text",
    ["", "run", "run_", "run_123", "_" + "0" * 24, "run_" + "u" * 24, "run_" + "A" * 24, "0" * 24],
)
def test_what_no_generator_made_cannot_be_taken_apart(text: str) -> None:
    with pytest.raises(ValueError, match="is not <prefix>_<24 characters>"):
        UnifiedIdGenerator.parse_id(text)


def test_the_wall_clock_counts_milliseconds() -> None:
    assert 1_700_000_000_000 < wall_clock_ms() < 10_000_000_000_000


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        (None, "must be text, not NoneType"),
        (7, "must be text, not int"),
        ("x" * 129, "longer than 128"),
        ("None", "is the placeholder 'None'"),
        ("registry", "is the placeholder"),
        ("UNDEFINED", "is the placeholder"),
        ("0", "is the placeholder"),
        ("temp_user", "is the placeholder"),
        ("Placeholder_1", "is the placeholder"),
        ("a b", "may hold letters"),
        ("-a", "may hold letters"),
        ("a\n", "may hold letters"),
        ("\u00e4", "may hold letters"),
    ],
)
def test_what_cannot_identify_anything_is_refused_by_the_fields_name(value: Any, why: str) -> None:
    with pytest.raises(InvalidContextError, match=f"thread_id .*{why}") as caught:
        check_id("thread_id", value)
    assert caught.value.field == "thread_id"


@pytest.mark.parametrize("value", ["alice", "a", "auth0|5f7", "a@b.c", "x" * 128, "demo", "temp_"])
def test_placeholders_are_told_from_names(value: str) -> None:
    refused = value in {"demo", "temp_"}
    if refused:
        with pytest.raises(InvalidContextError):
            check_id("user_id", value)
    else:
        assert check_id("user_id", value) == value


def test_a_long_identifier_may_begin_like_a_placeholder() -> None:
    assert check_id("run_id", "demo_0123456789abcdef") == "demo_0123456789abcdef"


FIELDS = ["user_id", "thread_id", "run_id", "request_id", "connection_id", "parent_request_id"]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", ["", "None", "placeholder", 3])
def test_a_context_refuses_placeholders_in_every_field(field: str, value: Any) -> None:
    fields: dict[str, Any] = {"user_id": "alice", field: value}
    with pytest.raises(InvalidContextError) as caught:
        UserExecutionContext(**fields)
    assert caught.value.field == field


def test_a_user_is_required_and_the_rest_may_wait() -> None:
    with pytest.raises(TypeError, match="user_id"):
        UserExecutionContext()  # type: ignore[call-arg]
    context = alice()
    assert (context.thread_id, context.run_id, context.plan, context.depth) == (
        None,
        None,
        "mid",
        0,
    )


def test_a_context_reads_like_a_mapping() -> None:
    context = alice(thread_id=ThreadID("thr_1"), permissions=["read"])
    assert context["user_id"] == "alice"
    assert dict(context)["thread_id"] == "thr_1"
    assert {**context}["permissions"] == frozenset({"read"})
    assert context.allows("read")
    assert not context.allows("write")
    for name in ("nothing", "bind", "_check_depth"):
        with pytest.raises(KeyError, match=name):
            _ = context[name]


def test_a_context_never_changes() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        alice().user_id = UserID("bob")  # type: ignore[misc]


def test_a_child_is_linked_to_its_parent() -> None:
    parent = alice(request_id=RequestID("req_1"), plan="free")
    child = parent.create_child_context(RequestID("req_2"), run_id=RunID("run_2"))
    assert (child.user_id, child.plan, child.run_id) == ("alice", "free", "run_2")
    assert (child.request_id, child.parent_request_id, child.depth) == ("req_2", "req_1", 1)
    assert parent.depth == 0


def test_children_go_ten_deep_and_no_deeper() -> None:
    context = alice(request_id=RequestID("req_0"))
    for level in range(1, MAX_DEPTH + 1):
        context = context.create_child_context(RequestID(f"req_{level}"))
    assert context.depth == 10
    with pytest.raises(InvalidContextError, match="between 0 and 10, got 11") as caught:
        context.create_child_context(RequestID("req_11"))
    assert caught.value.field == "depth"


def test_neither_a_child_nor_a_binding_is_another_users() -> None:
    context = alice()
    with pytest.raises(InvalidContextError, match="user_id of a context never changes"):
        context.bind(user_id=UserID("bob"))
    with pytest.raises(InvalidContextError, match="user_id of a child context is its parent's"):
        context.create_child_context(RequestID("req_1"), user_id=UserID("bob"))
    assert context.bind(user_id=UserID("alice")) == context


def test_binding_fills_in_what_is_known_later() -> None:
    bound = alice().bind(thread_id=ThreadID("thr_1"), run_id=RunID("run_1"))
    assert (bound.thread_id, bound.run_id, bound.depth) == ("thr_1", "run_1", 0)
    with pytest.raises(InvalidContextError, match="run_id is empty"):
        bound.bind(run_id=RunID(""))


def test_permissions_are_names_and_not_letters() -> None:
    with pytest.raises(InvalidContextError, match="permissions"):
        UserExecutionContext(user_id=UserID("alice"), permissions="observe")
    context = UserExecutionContext(user_id=UserID("alice"), permissions=["observe"])
    assert context.permissions == {"observe"}
    assert not context.allows("o")
