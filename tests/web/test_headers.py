from netra_actors.web.headers import Headers

HEADERS = Headers([(b"Host", b"here"), (b"cookie", b"a"), (b"Cookie", b"\xe9")])


def test_names_are_found_whatever_their_case() -> None:
    assert HEADERS.get("host") == HEADERS.get("HOST") == "here"
    assert "Host" in HEADERS
    assert "origin" not in HEADERS


def test_a_name_may_come_more_than_once() -> None:
    assert HEADERS.get("cookie") == "a"
    assert HEADERS.getlist("COOKIE") == ["a", "\xe9"]
    assert HEADERS.getlist("origin") == []


def test_a_missing_name_gives_the_default() -> None:
    assert HEADERS.get("origin") is None
    assert HEADERS.get("origin", "none") == "none"
