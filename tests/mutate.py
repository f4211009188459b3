"""Puts small random faults into the core modules, one at a time, and counts those the tests notice.

Each fault goes into a copy of the repository, where the tests that mirror the module run until one
fails: `python tests/mutate.py N [SEED [WORD]]`, of modules whose names hold WORD. A fault that is
not noticed is printed; it may change nothing (a bound that is never reached), which a person says.
"""

from __future__ import annotations

import ast
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
LONGEST = 120.0  # seconds: a fault that makes a test hang is noticed
COPIED = ("red_timeloop", "arch", "docs", "mappings", "share", "tests", "workloads")
MODULES = {  # of each package, and the tests that mirror them, the fast ones first
    "layer decomposition _subconvolution": "test_layer test_decomposition",
    "components/ adc array crossbar digital memory timing read_circuits technology wires": (
        "components"
    ),
    "designs/ evaluate gather packing padding_free reads result sizes tiling": (
        "designs/test_reads designs/test_packing designs/test_sizes designs/test_designs"
        " designs/test_arrays designs/test_unusual_layers dataflow/test_agreement"
    ),
    "engines/embedded/ arithmetic batch cost evaluation machine moves row spatial steps": (
        "engines/embedded/test_moves engines/embedded/test_arithmetic engines/embedded/test_engine"
        " engines/embedded/test_reference_switches engines/embedded/test_batch"
        " engines/embedded/test_reference_cases"
    ),
    "mapper/ bound exhaustive": "mapper/test_bound mapper/test_mapper",
    "spec/ constraints": "spec/test_mapping spec/test_every_key spec/test_public_spellings",
    "sweeps/ store": "sweeps/test_store sweeps/test_run",
}
COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq}
COMPARED |= {ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is}
COMPARED |= {ast.In: ast.NotIn, ast.NotIn: ast.In}
COMPUTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
COMPUTED |= {ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult}
OTHER = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor"}
DROPPED = (ast.AugAssign, ast.Continue, ast.Break)

Change = Callable[[], object]


def sites(tree: ast.Module) -> Iterator[tuple[ast.AST, Change]]:
    """Yield what can be changed in a module, each with what changes it; annotations cannot."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            skipped.update(map(id, ast.walk(getattr(node, field, None) or ast.Pass())))
        if isinstance(node, ast.Raise | ast.JoinedStr):  # texts are tested by what they match
            skipped.update(map(id, ast.walk(node)))
        for decorator in getattr(node, "decorator_list", ()):
            skipped.update(map(id, ast.walk(decorator)))
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            for at, statement in enumerate(block if isinstance(block, list) else ()):
                if _droppable(statement):
                    yield statement, lambda b=block, i=at: b.__setitem__(i, ast.Pass())
        yield from ((node, change) for change in _changes(node))


def _droppable(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call)
    if isinstance(statement, ast.If):
        return not statement.orelse and "TYPE_CHECKING" not in ast.unparse(statement.test)
    return isinstance(statement, DROPPED)


def _changes(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARED:
        yield lambda: node.ops.__setitem__(0, COMPARED[type(node.ops[0])]())
    elif isinstance(node, ast.BinOp) and type(node.op) in COMPUTED:
        yield lambda: setattr(node, "op", COMPUTED[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield lambda: setattr(node, "op", other)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not | ast.Invert):
        yield lambda: setattr(
            node, "op", ast.Not() if isinstance(node.op, ast.Invert) else ast.UAdd()
        )
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda: setattr(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield lambda: setattr(node, "value", node.value + 1)
        yield lambda: setattr(node, "value", node.value - 1)
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in OTHER:
            yield lambda: setattr(node.func, "id", OTHER[node.func.id])
        if len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args):
            yield lambda: node.args.__setitem__(slice(2), node.args[1::-1])


def noticed(copy: Path, tests: str) -> bool:
    """Run the tests in a process of their own; whether one fails, or takes too long."""
    child = os.fork()
    if not child:
        import pytest

        os.setpgid(0, 0)
        os.chdir(copy)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        sys.path[:0] = [str(copy), str(copy / "tests")]
        os.environ["PYTHONPATH"] = str(copy)
        files = [str(copy / "tests" / name) for name in tests.split()]
        files = [name if Path(name).is_dir() else f"{name}.py" for name in files]
        os._exit(min(pytest.main(["-qx", "-p", "no:cacheprovider", *files]), 100))
    ends = time.monotonic() + LONGEST
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def main(number: int, seed: int, word: str) -> None:
    """Sample the faults, try them, print those that were not noticed and the share."""
    import hypothesis  # noqa: F401 - loaded once for all children
    import numpy as np  # noqa: F401 - likewise

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
        for name in COPIED:
            shutil.copytree(ROOT / name, Path(folder, name), ignore=shutil.ignore_patterns("*.pyc"))
        shutil.copy(ROOT / "pyproject.toml", folder)
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
