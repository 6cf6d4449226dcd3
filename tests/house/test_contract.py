"""The package's own rules, one test each: layers, users of a library, who prints, sizes, names and descriptions."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from grubkd import errors

TOP = Path(__file__).parents[2]
SOURCES = sorted((TOP / "grubkd").rglob("*.py"))

# A part imports only parts with a lower number.
LAYERS = {
    "__main__": 100,
    "cli": 90,
    "commands": 80,
    "render": 70,
    "advice": 60,
    "machine": 50,
    "change": 50,
    "boot": 40,
    "memory": 40,
    "parsing": 28,
    "run": 25,
    "tree": 20,
    "signals": 15,
    "errors": 10,
    "text": 0,
    "log": 0,
    "grammars": 0,
}
# Every part may import these.
FOUNDATIONS = {"errors", "text", "log", "__init__"}
HEAVY = {
    "lark": lambda path: path == "parsing/compile.py",
    "augeas": lambda path: path == "change/edit.py",
    "psutil": lambda path: path.startswith("machine/"),
    "click": lambda path: path == "cli.py" or path.startswith("commands/"),
}


Definition = ast.FunctionDef | ast.ClassDef

# Present exceptions from the two rules on size and names: remove each one when it is fixed, add none.
LONG_FUNCTIONS: set[str] = set()
CLASSES_DEFINED_TWICE: set[str] = set()


class Import(NamedTuple):
    """One imported name, absolute. `lazy`: inside a function. `typing`: for type checkers only."""

    module: str
    line: int
    lazy: bool
    typing: bool


def inside(path: Path) -> str:
    return path.relative_to(TOP / "grubkd").as_posix()


def imports(path: Path) -> Iterator[Import]:
    """Every import, as an absolute module name (`from grubkd import render` is grubkd.render)."""

    def walk(node: ast.AST, lazy: bool, typing: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(name.name, node.lineno, lazy, typing)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides the layer"
            for name in node.names:
                yield Import(f"{node.module}.{name.name}", node.lineno, lazy, typing)
        lazy = lazy or isinstance(node, ast.FunctionDef)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for child in node.body:
                yield from walk(child, lazy, True)
            return
        for child in ast.iter_child_nodes(node):
            yield from walk(child, lazy, typing)

    yield from walk(ast.parse(path.read_text()), False, False)


def unit(module: str) -> str:
    """The part of grubkd that a module name belongs to: `grubkd.boot.document.Slot` -> boot."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def own_unit(path: Path) -> str:
    return Path(inside(path)).parts[0].removesuffix(".py")


def ours(path: Path) -> Iterator[tuple[Import, str]]:
    for found in imports(path):
        if found.module.split(".")[0] == "grubkd":
            name = unit(found.module)
            yield found, "__init__" if name.startswith("__") else name


def test_imports_go_downward_only() -> None:
    wrong = [
        f"{inside(path)}:{found.line}: {own} imports {other}"
        for path in SOURCES
        for own in (own_unit(path),)
        for found, other in ours(path)
        if own == "__init__" or (other not in FOUNDATIONS and other != own and LAYERS[other] >= LAYERS[own])
    ]
    assert wrong == []


def test_every_part_has_its_layer() -> None:
    parts = {own_unit(path) for path in SOURCES} - {"__init__"}
    assert parts <= set(LAYERS)


def test_foundations_import_nothing_of_ours() -> None:
    for name in FOUNDATIONS:
        assert not list(ours(TOP / "grubkd" / f"{name}.py"))


def test_formats_do_not_know_each_other() -> None:
    """A format is a module that makes a Format; the others in that directory may join several formats into a menu."""
    home = TOP / "grubkd" / "boot" / "loaders"
    modules = {path.stem: path for path in home.glob("*.py")}
    formats = {
        name for name, path in modules.items() if re.search(r"^\w+(: Format)? = Format\(", path.read_text(), re.M)
    }
    assert formats
    wrong = [
        f"{name} imports {found.module}"
        for name in formats
        for found in imports(modules[name])
        if found.module.startswith("grubkd.boot.loaders.") and set(found.module.split(".")[3:]) & (formats - {name})
    ]
    assert wrong == []


@pytest.mark.parametrize("library", HEAVY)
def test_a_heavy_library_has_one_user_and_is_imported_late(library: str) -> None:
    wrong = []
    for path in SOURCES:
        for found in imports(path):
            if found.module.split(".")[0] != library:
                continue
            # A verb is itself imported late, and declares its options with click.
            verb = library == "click" and inside(path).startswith("commands/")
            early = not found.lazy and not found.typing and not verb
            if early or not HEAVY[library](inside(path)):
                wrong.append(f"{inside(path)}:{found.line}")
    assert wrong == []


def test_nothing_private_of_a_library_is_imported() -> None:
    """Names that begin with an underscore may be gone in the next version of the library."""
    private = [
        f"{inside(path)}:{found.line}: {found.module}"
        for path in SOURCES
        for found in imports(path)
        if found.module.split(".")[0] not in ("grubkd", "__future__")
        and any(each.startswith("_") for each in found.module.split("."))
    ]
    assert private == []


def test_nothing_private_of_a_module_is_used() -> None:
    """For example `re._compiler`. `os._exit` is public: it ends a child after fork, which only change/ makes."""
    private = []
    for path in SOURCES:
        modules = {found.module.split(".")[0] for found in imports(path)} - {"grubkd"}
        for node in ast.walk(ast.parse(path.read_text())):
            used = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            module, _, name = used.partition(".")
            allowed = used == "os._exit" and inside(path).startswith("change/")
            if module in modules and re.match(r"_(?!_)", name) and not allowed:
                private.append(f"{inside(path)}:{node.lineno}: {used}")
    assert private == []


def test_only_render_writes_to_stdout() -> None:
    wrong = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            prints = name in ("print", "click.echo", "click.secho", "echo")
            stream = isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout", "sys.__stdout__")
            if prints or (stream and inside(path) != "render/output.py"):
                wrong.append(f"{inside(path)}:{node.lineno}")  # type: ignore[attr-defined]
    assert wrong == []


def test_only_run_starts_processes() -> None:
    wrong = [
        f"{inside(path)}:{found.line}"
        for path in SOURCES
        for found in imports(path)
        if found.module.split(".")[0] in ("subprocess", "pty", "multiprocessing") and inside(path) != "run.py"
    ]
    assert wrong == []


def test_a_file_is_short() -> None:
    """At most 300 lines, and 60 for a package's `__init__.py`."""
    lengths = {inside(path): (len(path.read_text().splitlines()), path.name == "__init__.py") for path in SOURCES}
    assert {name: length for name, (length, init) in lengths.items() if length > (60 if init else 300)} == {}


def definitions(kind: type[Definition]) -> Iterator[tuple[Path, Definition]]:
    """Every function or class of the package, nested ones too."""
    for path in SOURCES:
        yield from ((path, node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kind))


def test_a_function_is_short() -> None:
    """At most 40 lines with its docstring. Ruff's C901 limits its complexity."""
    long = {node.name for _, node in definitions(ast.FunctionDef) if (node.end_lineno or 0) - node.lineno >= 40}
    assert long - LONG_FUNCTIONS == set()


def test_a_public_class_name_is_used_once() -> None:
    """One name, one thing: two modules do not define a public class of the same name."""
    places: dict[str, list[str]] = {}
    for path, node in definitions(ast.ClassDef):
        if not node.name.startswith("_"):
            places.setdefault(node.name, []).append(inside(path))
    twice = {name: found for name, found in places.items() if len(found) > 1 and name not in CLASSES_DEFINED_TWICE}
    assert twice == {}


def messages(path: Path) -> Iterator[ast.Call]:
    """Every call that makes an error or a warning of grubkd."""
    known = {name for name, found in vars(errors).items() if isinstance(found, type)} - {"Place"}
    imported = {found.module.rpartition(".")[2] for found in imports(path) if found.module.startswith("grubkd.errors.")}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in known & imported:
            yield node


def test_every_message_says_what_to_do() -> None:
    """An error or a warning gets a hint where it is made, or its class has one for all."""
    wrong = []
    calls = [(source, call) for source in SOURCES for call in messages(source)]
    for source, call in calls:
        assert isinstance(call.func, ast.Name)
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        hint = given.get("hint") or (call.args[2] if call.func.id == "Notice" and len(call.args) > 2 else None)
        remedy = getattr(getattr(errors, call.func.id), "remedy", "")
        if not remedy and (hint is None or (isinstance(hint, ast.Constant) and not hint.value)):
            wrong.append(f"{inside(source)}:{call.lineno}")
    assert wrong == []


def public(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            yield prefix + child.name, child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{child.name}.")


def test_what_is_public_is_described() -> None:
    wrong = []
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        if tree.body and not ast.get_docstring(tree):
            wrong.append(inside(path))
        wrong += [f"{inside(path)}: {name}" for name, node in public(tree) if not ast.get_docstring(node)]
    assert wrong == []
