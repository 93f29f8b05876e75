"""How the source is laid out: sizes, a test file for each module, the public names."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "netra_actors"
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 40

COVERED_ELSEWHERE = {
    "__main__.py": "test_packaging.py",
    "errors.py": "web/test_answers.py",
    "version.py": "test_packaging.py",
    "agents/message.py": "agents/test_run.py",
    "log/limits.py": "log/test_session_log.py",
    "log/port.py": "record/test_conformance.py",
    "record/migrations/env.py": "record/test_opening.py",
    "sessions/directory.py": "sessions/test_sessions.py",
    "sessions/parts.py": "sessions/test_sessions.py",
    "web/ports.py": "web/test_app.py",
}
"""Modules without a test file of their own (types, ports, entry points), and who tests them."""

DATA = {("protocol/schema.py", "asyncapi")}
"""Functions that are one literal: as long as what they describe."""


def modules(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.py")) if "versions" not in path.parts)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return its lines from the first statement on; signature and docstring do not count."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return 0 if not body else (function.end_lineno or 0) - body[0].lineno + 1


def test_no_module_is_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for folder in ("netra_actors", "scripts", "benchmarks")
        for path in modules(ROOT / folder)
    }
    assert {name: n for name, n in lengths.items() if n > MAX_MODULE_LINES} == {}


def test_no_function_is_long() -> None:
    lengths = {
        (str(path.relative_to(PACKAGE)), function.name): length_of(function)
        for path in modules(PACKAGE)
        for function in functions(path)
    }
    long = {where: n for where, n in lengths.items() if n > MAX_FUNCTION_LINES}
    assert {where: n for where, n in long.items() if where not in DATA} == {}


def test_every_module_has_its_test_file() -> None:
    missing = []
    for path in modules(PACKAGE):
        name = str(path.relative_to(PACKAGE))
        own = path.relative_to(PACKAGE).with_name(f"test_{path.name}")
        if path.name != "__init__.py":
            test = COVERED_ELSEWHERE.get(name, str(own))
            if not (ROOT / "tests" / test).exists():
                missing.append(f"{name}: tests/{test}")
    assert missing == []


def test_the_map_of_exceptions_names_only_what_exists() -> None:
    assert [name for name in COVERED_ELSEWHERE if not (PACKAGE / name).exists()] == []


def test_modules_are_named_for_what_they_hold() -> None:
    nameless = {"utils", "util", "helpers", "common", "misc", "base"}
    assert [path for path in modules(PACKAGE) if path.stem in nameless] == []


def test_the_public_names_are_those_in_the_overview() -> None:
    text = (ROOT / "docs" / "overview.md").read_text(encoding="utf-8")
    documented = re.findall(r"`(\w+)`", text.partition("exports, lazily:")[2])
    package = importlib.import_module("netra_actors")
    assert package.__all__ == sorted(documented)


def test_every_public_name_can_be_imported() -> None:
    package = importlib.import_module("netra_actors")
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = package.nonsense


def test_no_broad_except_is_silent() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules(PACKAGE)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and is_silent(node)
    ]
    assert silent == []


def is_silent(handler: ast.ExceptHandler) -> bool:
    broad = handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
    )
    return broad and all(isinstance(statement, ast.Pass) for statement in handler.body)
