"""Data flows one way through the package: a part imports only parts that stand before it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import red_timeloop

ROOT = Path(red_timeloop.__file__).parent

# Parts in the order in which one may build on the other; those in a line stand beside each other.
ORDER = (
    ("errors",),
    (
        "_html",
        "_remembered",
        "_user_code",
        "_yaml_values",
        "files",
        "parallel",
        "resources",
        "units",
    ),
    ("_yaml",),
    ("layer", "_layer_arguments"),
    ("workload", "_workload_file"),
    ("frontends",),
    ("decomposition", "_subconvolution"),
    ("circuit",),
    ("hardware",),
    ("spec",),
    ("components",),
    ("engines",),
    ("mapper",),
    ("designs",),
    ("dataflow",),
    ("accuracy",),
    ("summary",),
    ("comparison", "_comparison"),
    ("chip",),
    ("export", "reproduction", "zoo"),
    ("networks",),
    ("sweeps",),
    ("views",),
    ("cli",),
)
RANK = {part: rank for rank, parts in enumerate(ORDER) for part in parts}
# A private module that holds the bulk of a public one is the same part in two files.
TWINS = (
    {"layer", "_layer_arguments"},
    {"workload", "_workload_file"},
    {"decomposition", "_subconvolution"},
    {"comparison", "_comparison"},
)
# Imports inside a method that hands over to what comes later, for the caller's convenience.
HANDED_OVER = {("_comparison", "views")}

Import = tuple[str, int, bool]  # module, line, whether it runs when the importing module does


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in sorted(ROOT.rglob("*.py"))}


def _imports(tree: ast.AST, at_once: bool = True) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if whole in MODULES else node.module or ""), node.lineno, at_once
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, at_once
        else:
            typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(node, at_once and not inside and not typing_only)


def _own_imports(path: Path) -> Iterator[Import]:
    for module, line, at_once in _imports(ast.parse(path.read_text(encoding="utf-8"))):
        if module.split(".")[0] == "red_timeloop" and module != "red_timeloop":
            yield module, line, at_once


def _part(module: str) -> str:
    return module.split(".")[1]


def test_every_part_has_its_place() -> None:
    assert {_part(module) for module in MODULES if "." in module} == set(RANK)


def test_nothing_imports_back() -> None:
    back = []
    for module, path in MODULES.items():
        if module == "red_timeloop":
            continue  # the lazy names of the package
        mine = _part(module)
        for imported, line, at_once in _own_imports(path):
            theirs = _part(imported)
            beside = mine == theirs or {mine, theirs} in TWINS
            handed_over = not at_once and (mine, theirs) in HANDED_OVER
            if not (beside or handed_over or RANK[theirs] < RANK[mine]):
                back.append(f"{path.relative_to(ROOT)}:{line} imports {imported}")
    assert back == []


def test_no_module_needs_itself() -> None:
    needs = {
        module: {name for name, _, at_once in _own_imports(path) if at_once and name != module}
        for module, path in MODULES.items()
    }
    while needs:
        free = [module for module, names in needs.items() if not names & needs.keys()]
        assert free, f"these modules import each other: {sorted(needs)}"
        for module in free:
            del needs[module]
