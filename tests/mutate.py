"""Puts small random faults into the core modules, one at a time, and counts those the tests notice.

Each fault goes into a copy of the repository, where the tests that mirror its package run until one
fails, those that run its line first: `python tests/mutate.py N [SEED [WORD]]`, of modules whose
paths hold WORD, as many of each package. A fault that is not noticed is printed; it may change
nothing (a bound that is never reached), which a person says.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import os
import pickle
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path

import click  # noqa: F401 - what tests import is here before they are forked
import hypothesis
import joblib  # noqa: F401
import numpy  # noqa: F401
import pydantic  # noqa: F401
import pytest
import yaml  # noqa: F401

ROOT = Path(__file__).parent.parent
QUICK, LONG = 0.3, 1.0  # seconds: longer tests come last; how long each is looked at
LONGEST, MOST = 300, 4 * 2**30  # seconds, and bytes, that a fault may take
PACKAGES = {  # modules, and the tests that mirror them; those of pages and commands do not count
    "layer.py": "tests/test_layer.py tests/test_decomposition.py",
    "decomposition.py": "tests/test_decomposition.py",
    "_subconvolution.py": "tests/test_decomposition.py",
    "components/*.py": "tests/components tests/engines/test_pricing.py",
    "dataflow/*.py": "tests/dataflow",
    "designs/*.py": "tests/designs tests/dataflow/test_agreement.py tests/test_comparison.py"
    " tests/components/test_read_circuits.py",
    "engines/embedded/**/*.py": "tests/engines/embedded",
    "mapper/**/*.py": "tests/mapper",
    "spec/*.py": "tests/spec tests/engines/test_pricing.py",
    "sweeps/*.py": "tests/sweeps",
}
COMPARED = {"Lt": "LtE", "Gt": "GtE", "Eq": "NotEq", "Is": "IsNot", "In": "NotIn"}
COMPUTED = {"Add": "Sub", "Mult": "Div", "FloorDiv": "Mult", "Mod": "FloorDiv", "Pow": "Mult"}
OTHER = {"min": "max", "any": "all", "floor": "ceil", "And": "Or"}
SWAPPED = COMPUTED | {b: a for a, b in (COMPARED | OTHER).items()} | COMPARED | OTHER
SWAPPED |= {"Sub": "Add", "Div": "Mult"}
DROPPED = (ast.AugAssign, ast.Continue, ast.Break)

Change = Callable[[], object]
Tests = Mapping[str, tuple[float, set[tuple[str, int]]]]  # seconds and lines, by name


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
        ordered = ast.unparse(node.func) not in ("min", "max", "np.minimum", "np.maximum")
        if ordered and len(node.args) > 1 and not isinstance(node.args[0], ast.Starred):
            yield lambda: node.args.__setitem__(slice(2), node.args[1::-1])


def probed(source: str, file: str) -> str:
    """Return a module whose functions note in `builtins` which of its lines they run."""
    tree = ast.parse(source)
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    blocks = {
        id(block): block
        for each in itertools.chain(*map(ast.walk, functions))
        for field in ("body", "orelse", "finalbody")
        if isinstance(block := getattr(each, field, None), list)
    }
    for block in blocks.values():
        for at, each in reversed(list(enumerate(block))):
            if _first(each):  # a docstring
                continue
            inside = getattr(each, "body", None)
            last = inside[0].lineno - 1 if inside else each.end_lineno
            lines = {(file, line) for line in range(each.lineno, max(last, each.lineno) + 1)}
            block.insert(at, ast.parse(f"__ran__.update({lines})").body[0])
    start = next(n for n, each in enumerate(tree.body) if not _first(each))
    note = "__ran__ = __import__('builtins').__dict__.setdefault('__ran__', set())"
    tree.body.insert(start, ast.parse(note).body[0])
    return ast.unparse(tree)


def _first(statement: ast.stmt) -> bool:
    future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
    return future or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))


class Coverage:
    """A plug-in for pytest: the `probed` lines that each test runs before it is cut short."""

    def __init__(self) -> None:
        self.ran: set[tuple[str, int]] = vars(builtins).setdefault("__ran__", set())
        self.tests: dict[str, tuple[float, set[tuple[str, int]]]] = {}
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self.ran.clear()
        started = time.process_time()
        try:
            return (yield)
        finally:
            self.tests[item.nodeid] = time.process_time() - started, set(self.ran)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self) -> Generator[None, object, object]:
        signal.signal(signal.SIGVTALRM, lambda *_: pytest.skip("long enough"))
        signal.setitimer(signal.ITIMER_VIRTUAL, LONG)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)


class Chosen:
    """A plug-in for pytest: the tests to run, those of a file together, the fast ones first."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.seconds = seconds

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = (item for item in items if item.nodeid in self.seconds)
        slow = {name: seconds for name, seconds in self.seconds.items() if seconds > QUICK}
        items.sort(key=lambda item: (slow.get(item.nodeid, 0), item.nodeid.split("::")[0]))


def run(copy: Path, tests: Sequence[str], plugin: object, limit: int) -> bool:
    """Run tests in a process of their own; whether one fails, or takes too long."""
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        resource.setrlimit(resource.RLIMIT_DATA, (MOST, MOST))
        signal.alarm(10 * limit)
        os.chdir(copy)
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        sys.path[:0] = [str(copy), str(copy / "tests")]
        os.environ["PYTHONPATH"] = str(copy)
        stop = [] if isinstance(plugin, Coverage) else ["-x"]
        code = pytest.main(["-q", *stop, "-p", "no:cacheprovider", *tests], plugins=[plugin])
        if isinstance(plugin, Coverage):  # a test that was cut short may have failed by that
            failed = [name for name in plugin.failed if plugin.tests[name][0] < LONG]
            (copy / "coverage.pickle").write_bytes(pickle.dumps((plugin.tests, failed)))
            code = 2 if failed else code - (code == 1)
        os._exit(min(code, 100))
    return os.waitpid(child, 0)[1] != 0


def noticed(copy: Path, fault: ast.AST, file: str, tests: Tests) -> bool:
    """Run the tests that run the fault's lines; all, if it is run when the module is imported.

    A test that was cut short while it ran the fault's module may run them later.
    """
    lines = {(file, n) for n in range(fault.lineno, fault.end_lineno + 1)}
    imported = not any(ran & lines for _, ran in tests.values())
    near = {
        name: seconds
        for name, (seconds, ran) in tests.items()
        if imported or ran & lines or (seconds >= LONG and any(each == file for each, _ in ran))
    }
    files = sorted({name.split("::")[0] for name in near})
    return run(copy, files, Chosen(near), LONGEST)


def sampled(number: int, seed: int, word: str) -> dict[str, list[tuple[str, int]]]:
    """Return faults by package, as many of each: files, and numbers of sites in them."""
    draw = random.Random(seed)
    packages = {}
    for package in PACKAGES:
        files = [path for path in (ROOT / "red_timeloop").glob(package) if word in str(path)]
        every = [
            (str(file.relative_to(ROOT)), index)
            for file in sorted(files)
            for index, _ in enumerate(sites(ast.parse(file.read_text())))
        ]
        packages[package] = draw.sample(every, len(every))
    chosen = {package: faults for package, faults in packages.items() if faults}
    return {package: faults[: -(-number // len(chosen))] for package, faults in chosen.items()}


def main(number: int, seed: int, word: str) -> None:
    """Sample the faults, try them, print those that were not noticed and the share."""
    example = hypothesis.Phase.explicit, hypothesis.Phase.generate  # and not the smallest one
    hypothesis.settings.register_profile("faults", phases=example, database=None)
    hypothesis.settings.load_profile("faults")
    sys.dont_write_bytecode = True  # a fault may have the size and the second of another
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    missed = done = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        unwanted = shutil.ignore_patterns(".*", "*.pyc", "site", "fuzz-failures")
        shutil.copytree(ROOT, copy, ignore=unwanted, dirs_exist_ok=True)
        for package, faults in sampled(number, seed, word).items():
            print(f"{package}: {len(faults)} faults, seed {seed}", flush=True)
            sources = {file: (copy / file).read_text() for file, _ in faults}
            for file, source in sources.items():
                (copy / file).write_text(probed(source, file))
            broken = run(copy, PACKAGES[package].split(), Coverage(), 10 * LONGEST)
            for file, source in sources.items():
                (copy / file).write_text(source)
            tests, failed = pickle.loads((copy / "coverage.pickle").read_bytes())
            if broken:
                sys.exit(f"without a fault, tests fail already: {failed}")
            for file, index in faults:
                source = sources[file]
                tree = ast.parse(source)
                node, change = list(sites(tree))[index]
                before = ast.unparse(node)
                change()
                (copy / file).write_text(ast.unparse(tree))
                done += 1
                if not noticed(copy, node, file, tests):
                    missed += 1
                    after = "" if ast.unparse(node) == before else f" -> {ast.unparse(node)}"
                    print(f"{file}:{node.lineno}: {before}{after or ' dropped'}"[:300], flush=True)
                (copy / file).write_text(source)
            print(f"noticed {done - missed} of {done}: {1 - missed / done:.1%}", flush=True)


if __name__ == "__main__":
    number, seed, word = (*sys.argv[1:], *("100", "0", "")[len(sys.argv) - 1 :])
    main(int(number), int(seed), word)
