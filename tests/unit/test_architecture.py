"""The rooms of the house: who may import whom, and what stays out of the way at start-up."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import queryleaf_cdc

PACKAGE = Path(queryleaf_cdc.__file__).parent

LAYERS = (
    ("frozen",),
    ("source", "collector"),
    ("errors", "values"),
    ("events",),
    ("syntax",),
    ("frontend", "functions"),
    ("aggregates",),
    ("logical", "plans"),
    ("lowering",),
    ("compiler", "dataflow"),
    ("mongo", "sinks"),
    ("runtime",),
    ("offline",),
    ("testing", "session"),
    ("cli",),
)
"""From the ground up: a module imports only from its own row (its own folder) and from rows above it here."""

ONLY_IN = {
    "sqlglot": {"frontend"},
    "lark": {"frontend"},
    "click": {"cli"},
    "rich": {"cli"},
    "pymongo": {"mongo"},
    "mongomock": {"offline", "testing"},
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rank(name: str) -> int:
    return next(level for level, names in enumerate(LAYERS) if name in names)


def imports(path: Path) -> Iterator[str]:
    """Absolute names of all imports, those inside functions too, those for type checking left out."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    if path.parent == PACKAGE and path.name in ("__init__.py", "__main__.py"):
        return
    mine = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "queryleaf_cdc" or len(parts) == 1 or parts[1] == mine:
            continue
        assert rank(parts[1]) < rank(mine) or {parts[1], mine} == {"plans", "logical"}, f"{mine} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    for name in imports(path):
        rooms = ONLY_IN.get(name.split(".")[0])
        assert rooms is None or room(path) in rooms, f"{room(path)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_prompt_toolkit_stays_in_the_repl(path: Path) -> None:
    if PACKAGE / "cli" / "repl" not in path.parents:
        assert "prompt_toolkit" not in {name.split(".")[0] for name in imports(path)}


def test_there_are_at_most_twelve_public_names() -> None:
    assert len(queryleaf_cdc.__all__) <= 12


def test_every_public_name_exists() -> None:
    for name in queryleaf_cdc.__all__:
        assert getattr(queryleaf_cdc, name) is not None


@pytest.mark.parametrize("heavy", ["pymongo", "sqlglot", "lark", "mongomock", "rich"])
def test_importing_the_package_loads_nothing_heavy(heavy: str) -> None:
    code = f"import sys, queryleaf_cdc; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_compiling_loads_no_driver() -> None:
    code = (
        "import sys; from queryleaf_cdc import compile_sql; compile_sql('SELECT 1 AS one').to_json();"
        "sys.exit('pymongo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_stream_without_memory_loads_no_dataflow() -> None:
    """It takes a tenth of the time to the first row (tests/benchmarks/first_row.py)."""
    code = (
        "import sys; from queryleaf_cdc import QueryLeaf, compile_sql; import queryleaf_cdc.session; "
        "compile_sql('SELECT n FROM numbers WHERE CHANGE_DETECTED()');"
        "sys.exit('queryleaf_cdc.dataflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["benchmarks.__main__", "streams.chaos", "streams.fuzz", "views.fuzz"])
def test_the_long_runs_load(name: str) -> None:
    """No other test reads what ``make bench``, ``fuzz`` and ``soak`` start."""
    importlib.import_module(f"tests.{name}")
