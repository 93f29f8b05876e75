from pathlib import Path

import pytest

from netra_actors.web.pages import STATIC, read_pages


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "index.html").write_text("<!doctype html>")
    (tmp_path / "observer.html").write_text("<!doctype html><title>o</title>")
    (tmp_path / "a.js").write_text("1")
    (tmp_path / "notes.md").write_text("secret")
    (tmp_path / ".env").write_text("secret")
    return tmp_path


def test_pages_and_files_are_found_under_their_addresses(folder: Path) -> None:
    pages = read_pages(folder)
    assert set(pages) == {
        "/", "/observer", "/static/chat/index.html", "/static/observer.html", "/static/a.js",
    }  # fmt: skip
    assert pages["/"].content_type == "text/html; charset=utf-8"


def test_another_content_has_another_tag(folder: Path) -> None:
    before = read_pages(folder)["/static/a.js"].etag
    (folder / "a.js").write_text("2")
    assert read_pages(folder)["/static/a.js"].etag != before


@pytest.mark.parametrize(
    ("match", "status"), [(None, 200), ('"x"', 200), ("{}", 304), ('"x", {}', 304)]
)
async def test_who_has_the_file_gets_no_body(folder: Path, match: str | None, status: int) -> None:
    page = read_pages(folder)["/static/a.js"]
    response = page.answer(match.format(page.etag) if match else None)
    assert response.status_code == status
    assert await response.get_data() == (b"1" if status == 200 else b"")
    assert response.headers["ETag"] == page.etag


def test_without_pages_there_are_none(tmp_path: Path) -> None:
    assert read_pages(tmp_path) == {}


def test_no_page_of_ours_carries_code_that_its_own_policy_forbids() -> None:
    for path in STATIC.rglob("*.html"):
        text = path.read_text()
        assert "style=" not in text, path
        assert "<style" not in text, path
        assert "onclick=" not in text, path
        for script in text.split("<script")[1:]:
            assert "src=" in script.partition(">")[0], path
