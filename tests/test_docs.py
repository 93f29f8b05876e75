"""The documents agree with the project: links, commands, settings, events, examples."""

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from netra_actors.agents import AgentRegistry
from netra_actors.errors import ClientError
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.commands import ALIASES, COMMANDS
from netra_actors.protocol.events import PAYLOADS
from netra_actors.settings import describe_settings

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HOSTS = ("pypi" + ".org", "files.pythonhosted" + ".org", "registry.npmjs" + ".org", "deb.debian")
_HOMES = re.compile(r"(?<![\w./])/(?:home|root|Users|work|opt)/\w")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for found, code in _BLOCK.findall(text_of(page)):
            if found == language:
                yield page, code


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(text_of(page)):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = (link.partition("#")[0] for link in _LINK.findall(text_of(page)))
        todo += [(page.parent / link).resolve() for link in links if link and "://" not in link]
    assert set(PAGES) - seen == set()


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {
        target
        for page in PAGES
        for target in re.findall(r"(?:^|`)make ([a-z][a-z-]*)", text_of(page), re.MULTILINE)
    }
    assert {"run", "test"} <= named
    assert named - targets == set()


def test_every_command_that_is_named_exists() -> None:
    root = importlib.import_module("netra_actors.cli.root").root
    named = {name for page in PAGES for name in re.findall(r"netra-actors ([a-z]+)", text_of(page))}
    assert "serve" in named
    assert {name for name in named if root.get_command(None, name) is None} == set()


def test_the_settings_page_is_up_to_date() -> None:
    generator = load(ROOT / "scripts" / "generate_settings.py")
    assert text_of(ROOT / "docs" / "settings.md") == generator.page()


def test_every_setting_that_is_named_exists() -> None:
    known = {name for one in describe_settings() for name in (one.variable, *one.aliases)}
    known |= {"NETRA_TEST_POSTGRES_URL", "NETRA_URL"}
    for page in PAGES:
        named = set(re.findall(r"\bNETRA_[A-Z_]+[A-Z]\b", text_of(page)))
        assert named - known == set(), page.name


def test_the_protocol_page_has_every_event_command_code_and_error() -> None:
    page = text_of(ROOT / "docs" / "protocol.md")
    words = set(re.findall(r"`([a-z_]+)`", page))
    errors = {kind.code for kind in descendants(ClientError)}
    assert {*PAYLOADS, *COMMANDS, *ALIASES, *errors} - words == set()
    for code in CloseCode:
        assert f"\n| {code.value} |" in page


def descendants(kind: type[ClientError]) -> Iterator[type[ClientError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def test_the_protocol_page_has_every_field_of_every_event() -> None:
    page = text_of(ROOT / "docs" / "protocol.md")
    section = page.partition("## 2. Events")[2].partition("## 3.")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    for name, payload in PAYLOADS.items():
        row = next(row for row in rows if f"`{name}`" in row.split("|")[1])
        missing = [field for field in payload.__struct_fields__ if f"`{field}`" not in row]
        assert missing == [], name


def test_the_protocol_page_has_every_call() -> None:
    page = text_of(ROOT / "docs" / "protocol.md")
    api = ROOT / "netra_actors" / "web" / "api"
    for path in sorted(api.glob("*.py")):
        for found in re.findall(r'path="(/[^"]*)"', text_of(path)):
            assert found in page, found


def test_the_glossary_names_only_modules_that_exist() -> None:
    for name in re.findall(r"\| `([\w/.]+)` \|$", text_of(ROOT / "docs/glossary.md"), re.MULTILINE):
        assert (ROOT / "netra_actors" / name).exists(), name


def test_the_overview_names_every_package() -> None:
    page = text_of(ROOT / "docs" / "overview.md")
    for package in sorted((ROOT / "netra_actors").iterdir()):
        if package.is_dir() and any(package.glob("*.py")):
            assert f"`{package.name}`" in page, package.name


@pytest.mark.parametrize(
    ("page", "code"), list(blocks("python")), ids=lambda value: getattr(value, "name", "code")
)
def test_every_python_example_is_python(page: Path, code: str) -> None:
    assert ast.parse(code, filename=str(page)).body


def test_the_agents_in_the_documents_can_be_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    offered = []
    for number, (_, code) in enumerate(blocks("python")):
        if "@agent(" in code:
            (tmp_path / f"documented_{number}.py").write_text(code, encoding="utf-8")
            offered.append(AgentRegistry.load([f"documented_{number}"]).default)
    assert offered == ["counter", "weather", "librarian"]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("this is no clone")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_tracked_file_names_a_registry_or_a_place_on_one_machine() -> None:
    found = []
    for path in tracked():
        try:
            text = text_of(path)
        except UnicodeDecodeError:
            continue
        if path.name != Path(__file__).name:
            found += [f"{path.name}: {host}" for host in _HOSTS if host in text]
            found += [f"{path.name}: {match[0]}" for match in _HOMES.finditer(text)]
    assert found == []


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, netra_actors\n"
        "heavy = {'trio', 'quart', 'sqlalchemy', 'alembic', 'msgspec', 'rich'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
