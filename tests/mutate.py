"""Puts small random faults into the core modules, one at a time, and counts those the tests notice.

Each fault goes into a copy of the repository, where the tests that mirror the module run until one
fails: `python tests/mutate.py N [SEED [WORD]]`, of modules whose names hold WORD. A fault that is
not noticed is printed; it may change nothing (a bound that is never reached), which a person says.
"""

from __future__ import annotations

import ast
import itertools
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
LONGEST = 300  # seconds of processor time: a fault that makes a test hang is noticed
MODULES = {  # of each package, and the tests that mirror them, the fast ones first
    "layer decomposition _subconvolution": "test_layer test_decomposition",
    "components/ adc array crossbar digital memory timing read_circuits technology wires": (
        "components/test_by_hand components/test_components components/test_physics components"
    ),
    "designs/ evaluate gather packing padding_free reads result sizes tiling": (
        "designs/test_sizes designs/test_reads designs/test_packing designs/test_designs"
        " designs/test_arrays designs/test_unusual_layers dataflow/test_agreement"
    ),
    "engines/embedded/ arithmetic batch cost evaluation machine moves row spatial steps": (
        "engines/embedded/test_engine engines/embedded/test_moves engines/embedded/test_arithmetic"
        " engines/embedded/test_reference_switches engines/embedded/test_batch"
        " engines/embedded/test_reference_cases"
    ),
    "mapper/ bound exhaustive": "mapper/test_bound mapper/test_mapper",
    "spec/ constraints": "spec/test_mapping spec/test_every_key spec/test_public_spellings",
    "sweeps/ store": "sweeps/test_store sweeps/test_run",
}
COMPARED = {"Lt": "LtE", "Gt": "GtE", "Eq": "NotEq", "Is": "IsNot", "In": "NotIn"}
COMPUTED = {"Add": "Sub", "Mult": "Div", "FloorDiv": "Mult", "Mod": "FloorDiv", "Pow": "Mult"}
OTHER = {"min": "max", "any": "all", "floor": "ceil", "And": "Or"}
SWAPPED = COMPUTED | {b: a for a, b in (COMPARED | OTHER).items()} | COMPARED | OTHER
SWAPPED |= {"Sub": "Add", "Div": "Mult"}
DROPPED = (ast.AugAssign, ast.Continue, ast.Break)

Change = Callable[[], object]


def sites(tree: ast.Module) -> Iterator[tuple[ast.AST, Change]]:
    """Yield what can be changed in a module, each with what changes it."""
    skipped: set[int] = set()
    for node in ast.walk(tree):  # annotations, decorators, texts; and what only guards a programmer
        parts = [getattr(node, field, None) for field in ("annotation", "returns")]
        parts += getattr(node, "decorator_list", [])
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert) or (
            isinstance(node, ast.keyword) and node.arg in ("strict", "maxsize", "frozen")
        ):
            parts.append(node)
        skipped.update(id(each) for part in parts if part for each in ast.walk(part))
    for node, field in itertools.product(ast.walk(tree), ("body", "orelse")):
        block = getattr(node, field, None)
        for at, statement in enumerate(block if isinstance(block, list) else ()):
            if _droppable(statement):
                yield statement, lambda b=block, i=at: b.__setitem__(i, ast.Pass())
    for node in ast.walk(tree):
        if id(node) not in skipped:
            yield from ((node, change) for change in _changes(node))


def _droppable(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.If):
        return not statement.orelse and "TYPE_CHECKING" not in ast.unparse(statement.test)
    call = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    return call or isinstance(statement, DROPPED)


def _changes(node: ast.AST) -> Iterator[Change]:
    """Yield another operator, a number one more or less, the other answer, arguments swapped."""

    def swapped(operator: ast.AST) -> ast.AST:
        return getattr(ast, SWAPPED[type(operator).__name__])()

    if isinstance(node, ast.Compare):
        yield lambda: node.ops.__setitem__(0, swapped(node.ops[0]))
    elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op).__name__ in SWAPPED:
        yield lambda: setattr(node, "op", swapped(node.op))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not | ast.Invert):
        other = ast.Not if isinstance(node.op, ast.Invert) else ast.UAdd
        yield lambda: setattr(node, "op", other())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda: setattr(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        near = 1 if isinstance(node.value, int) or not node.value else abs(node.value) / 2
        yield lambda: setattr(node, "value", node.value + near)
        yield lambda: setattr(node, "value", node.value - near)
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in SWAPPED:
            yield lambda: setattr(node.func, "id", SWAPPED[node.func.id])
        if len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args):
            yield lambda: node.args.__setitem__(slice(2), node.args[1::-1])


def noticed(copy: Path, tests: str) -> bool:
    """Run the tests in a process of their own; whether one fails, or takes too long."""
    child = os.fork()
    if not child:
        import pytest

        resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST))
        signal.alarm(10 * LONGEST)
        os.chdir(copy)
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        sys.path[:0] = [str(copy), str(copy / "tests")]
        os.environ["PYTHONPATH"] = str(copy)
        named = [copy / "tests" / name for name in tests.split()]
        files = [str(name if name.is_dir() else name.with_suffix(".py")) for name in named]
        os._exit(min(pytest.main(["-qx", "-p", "no:cacheprovider", *files]), 100))
    return os.waitpid(child, 0)[1] != 0


def main(number: int, seed: int, word: str) -> None:
    """Sample the faults, try them, print those that were not noticed and the share."""
    sys.dont_write_bytecode = True  # a fault may have the size and the second of another
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    chosen = {}
    for names, tests in MODULES.items():
        package, *modules = names.split() if "/" in names else ("", *names.split())
        files = (f"red_timeloop/{package}{module}.py" for module in modules)
        chosen |= {file: tests for file in files if word in file}
    every = [
        (file, index)
        for file in chosen
        for index, _ in enumerate(sites(ast.parse((ROOT / file).read_text())))
    ]
    faults = random.Random(seed).sample(every, min(number, len(every)))
    print(f"{len(faults)} of {len(every)} faults in {len(chosen)} modules, seed {seed}", flush=True)
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        unwanted = shutil.ignore_patterns(".*", "*.pyc", "site", "fuzz-failures")
        shutil.copytree(ROOT, folder, ignore=unwanted, dirs_exist_ok=True)
        for tests in dict.fromkeys(chosen.values()):
            if noticed(Path(folder), tests):
                sys.exit(f"without a fault, these fail already: {tests}")
        for done, (file, index) in enumerate(faults, 1):
            source = (ROOT / file).read_text()
            tree = ast.parse(source)
            node, change = list(sites(tree))[index]
            before = ast.unparse(node)
            change()
            Path(folder, file).write_text(ast.unparse(tree))
            if not noticed(Path(folder), chosen[file]):
                missed += 1
                after = "" if ast.unparse(node) == before else f" -> {ast.unparse(node)}"
                print(f"{file}:{node.lineno}: {before}{after or ' dropped'}"[:300], flush=True)
            Path(folder, file).write_text(source)
            if done % 20 == 0 or done == len(faults):
                print(f"noticed {done - missed} of {done}: {1 - missed / done:.1%}", flush=True)


if __name__ == "__main__":
    number, seed, word = (*sys.argv[1:], *("100", "0", "")[len(sys.argv) - 1 :])
    main(int(number), int(seed), word)
