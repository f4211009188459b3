"""Mutated YAML given to every reader of it: `python tests/fuzz/yaml_fuzz.py N [SEED]`.

An input ends well when it is read (and evaluated, where it has a mapping), or refused with an
InputError of one line. Counted are other exceptions, inputs that take longer than 10 s of processor
time (or wait for two minutes), and the most memory that the process took. Inputs that end badly are
written to `fuzz-failures/`.
"""

from __future__ import annotations

import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from red_timeloop import resources
from red_timeloop.circuit import Circuit
from red_timeloop.engines.base import engine
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.spec.reader import read_art_file, read_ert_file, read_specification
from red_timeloop.workload import load_workload

LONGEST = 10  # seconds of processor time
LONGEST_WAIT = 120  # seconds, on a machine that has other work too
MOST_MEMORY = 3 * 2**30  # bytes of addresses; more is a MemoryError, which is noticed
JINJA = {"architecture": "a", "size": 3}

SPECIFICATION = """\
globals: {version: 0.4, environment_variables: {A: 1}, expression_custom_functions: []}
base_ignore: &base {attributes: {depth: 64, width: 64, datawidth: 8}, constraints: {dataspace: {}}}
variables: {version: 0.4, rows: 2 * 4, columns: min(4, rows), names: [a, 'b'], INF: 4294967295}
architecture:
  version: 0.4
  nodes:
  - !Container {name: chip, attributes: {vdd: 0.9}}
  - !Component {name: dram, class: DRAM, attributes: {depth: INF, width: 64, datawidth: 8}}
  - !Component {name: buffer, class: SRAM, <<<: *base, attributes: {depth: 64 * rows}}
  - !Container {name: column, spatial: {meshX: columns},
      constraints: {spatial: {maximize_dims: [[M]], split: 99}}}
  - !Parallel
    nodes:
    - !Component {name: cell, class: storage, subclass: reram, enabled: true,
        attributes: {depth: 8, width: 8, datawidth: 8, read_bandwidth: 4},
        constraints: {dataspace: {keep: [Weights]}, temporal: {factors: [C<=16, P>=1]}}}
    - !Nothing {constraints: {dataspace: {keep: [Inputs, Outputs]}}}
  - !Component {name: mac, class: compute, attributes: {energy: cell.attributes.depth * 2}}
problem:
  version: 0.4
  instance: {C: 16, M: 8, P: 6, R: 3, stride: 2, H: 224}
  shape:
    name: conv
    dimensions: [C, M, P, R]
    coefficients: [{name: stride, default: 1}, {name: dilation, default: 1}]
    data_spaces:
    - {name: Weights, projection: [C, M, R]}
    - {name: Inputs, projection: [[[C]], [[P, stride], [R, dilation]]]}
    - {name: Outputs, projection: [[[M]], [[P]]], read_write: True}
constraints:
  targets:
  - {target: buffer, type: dataspace, keep_only: ["*"]}
mapper: {version: 0.4, optimization_metrics: [edp], algorithm: random, timeout: 100}
mapspace: {version: 0.4, template: uber}
mapping:
- {target: buffer, type: temporal, factors: [C=16, P=6], permutation: [P, C, M, R]}
- {target: column, type: spatial, factors: [M=4], permutation: [M], split: 99}
- {target: cell, type: temporal, factors: M2 R3, permutation: RM}
- {target: dram, type: temporal, factors: [C=1]}
"""
TEMPLATE = """\
{{add_to_path(cwd())}}
{% set depth = size|default(4) %}
{% if depth > 2 %}
variables: {version: 0.4, rows: {{ depth * 2 }}}
{% endif %}
architecture:
  nodes:
{% for name in ['a', 'b'] %}
  - !Component {name: {{name}}, class: SRAM, attributes: {depth: {{depth}}, width: 8, datawidth: 8}}
{% endfor %}
  - !Component {name: mac, class: "{{ 'int' ~ 'mac' }}"}
problem: {{include('part.yaml', 'problem')}}
"""
TREE = """\
dumped_by_timeloop_front_end: true
architecture:
  version: '0.4'
  subtree:
  - name: chip_top_level
    attributes: {version: '0.4', technology: "32nm"}
    local:
    - name: buffer[1..1]
      class: SRAM
      attributes: {depth: 512, width: 32, datawidth: 8, meshX: 1, meshY: 1}
    - name: inter_row_spatial[1..1]
      class: dummy_storage
      attributes: {width: 1, depth: 1, datawidth: 1, meshX: 1, meshY: 1}
    - name: cell[1..8]
      class: storage
      attributes: {depth: 16, width: 8, datawidth: 8, meshX: 8, meshY: 1}
    - {name: "mac[1..8]", class: compute, attributes: {meshX: 8, meshY: 1}}
problem:
  instance: {C: 8, M: 4}
  shape:
    dimensions: [C, M]
    data_spaces: [{name: W, projection: [C, M]}, {name: O, projection: [M], read_write: true}]
mapping:
- {type: spatial, target: inter_row_spatial, factors: "C=8,M=1", permutation: CM}
- {type: temporal, target: buffer, factors: C1 M4}
"""
TABLES = """\
ERT:
  version: 0.4
  tables:
  - name: chip.buffer[1..1]
    actions:
    - {name: read, arguments: {}, energy: 512}
    - {name: leak, arguments: {}, energy: 0}
ART:
  version: 0.4
  tables: [{name: "buffer[1..1]", area: 20000}]
"""
TOKENS = (
    *("!!int ''", "!!bool x", "!!map", "!!seq", "!!null", "!!binary", "!!set", "!x", "!Component"),
    *("!Nothing", "!nomerge", "!include part.yaml", "&a ", "*a", "<<: ", "<<<: ", "<<<: *base"),
    *(
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "{{ size }}",
        "{{ include('part.yaml') }}",
        "{{ [1] * 99999 }}",
    ),
    *("{% for i in range(99999) %}", "{% endfor %}", "{% set x = x ~ x %}", "{% macro m() %}"),
    *(
        "- ",
        "? ",
        ": ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "'",
        '"',
        "|",
        ">",
        "#",
        "%YAML 1.2",
        "---",
        "...",
    ),
    *("0", "-1", "1e999", ".inf", ".nan", "-.inf", "2147483648", "9" * 30, "9" * 500, "0x10"),
    *("1e-400", "null", "~", "true", "yes", "nan", "inf", "2**1023", "round(5, -10**9)", "rows"),
    *("factorial(170)", "'a' * 9", "[1] * 9999", "cell.attributes", "column.get_fanout()"),
    *("buffer", "inter_column_spatial", "C=0", "C=16", "M<=0", "P4", "[[]]", "[]", "{}", "''"),
    *("\x00", "\x7f", "\ufeff", "\u2028", "\ud7ff", "é", "\t", "\r\n", "\\", "k" * 3000),
)


@dataclass(frozen=True)
class Seed:
    """A text and who reads it."""

    kind: str
    text: str


def seeds() -> list[Seed]:
    """Return what mutations start from: texts of every kind, shipped ones among them."""
    found = [Seed("spec", each) for each in (SPECIFICATION, TEMPLATE, TREE)]
    found += [Seed("ert", TABLES), Seed("art", TABLES)]
    for folder, kind in (("workloads", "workload"), ("arch/parameters", "hardware")):
        for name in resources.names(folder)[:4]:
            found.append(Seed(kind, resources.path(f"{folder}/{name}.yaml").read_text()))
    return [*found, Seed("circuit", found[-1].text)]


def read(kind: str, path: Path) -> None:
    """Give the file to the readers that users reach it through."""
    if kind == "spec":
        found = read_specification(path, jinja=JINJA)
        if found.mapping is not None and found.problem is not None:
            engine("embedded").evaluate_specification(found)
        return
    readers: dict[str, Callable[[Path], Any]] = {
        "ert": read_ert_file,
        "art": read_art_file,
        "workload": lambda file: load_workload(str(file)),
        "hardware": lambda file: Hardware.load(str(file)),
        "circuit": lambda file: Circuit.load(str(file)),
    }
    readers[kind](path)


def mutated_bytes(text: str, chance: random.Random, others: list[Seed]) -> bytes:
    """Return `text` with some bytes flipped, cut out, doubled, or replaced by tokens."""
    data = bytearray(text.encode())
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randrange(len(data) + 1)
        length = chance.choice((1, 1, 2, 4, 16, 64))
        choice = chance.randrange(6)
        if choice == 0 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif choice == 1:
            del data[at : at + length]
        elif choice == 2:
            data[at:at] = data[at : at + length] * chance.choice((1, 2, 50))
        elif choice == 3:
            data[at:at] = chance.choice(TOKENS).encode("utf-8", "surrogatepass")
        elif choice == 4:
            data[at : at + length] = chance.choice(TOKENS).encode("utf-8", "surrogatepass")
        else:
            other = chance.choice(others).text.encode()
            start = chance.randrange(len(other))
            data[at:at] = other[start : start + length * 4]
    return bytes(data)


def mutated_nodes(text: str, chance: random.Random) -> bytes:
    """Return `text` with some of its values replaced, moved, doubled, tagged or left out."""
    pieces = re.split(r"(: |, |- |\n|[\[\]{}])", text)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(pieces))
        choice = chance.randrange(5)
        if choice == 0:
            pieces[at] = chance.choice(TOKENS)
        elif choice == 1:
            pieces[at] = chance.choice(pieces)
        elif choice == 2:
            pieces[at] = f"{chance.choice(TOKENS)} {pieces[at]}"
        elif choice == 3:
            pieces[at] = ""
        else:
            size = chance.choice((2, 6, 20))
            pieces[at:at] = pieces[at : at + size]
    return "".join(pieces).encode("utf-8", "surrogatepass")


def mutated_tree(text: str, chance: random.Random) -> bytes:
    """Return `text`'s nodes with one of them exchanged for another, as YAML again."""
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        return mutated_nodes(text, chance)
    places = list(_places(root))
    holder, index = chance.choice(places)
    _, other = chance.choice(places), chance.choice(places)
    new = other[0].value[other[1]]
    if chance.random() < 0.5:
        new = yaml.ScalarNode("tag:yaml.org,2002:str", chance.choice(TOKENS))
    if isinstance(new, tuple) != isinstance(holder.value[index], tuple):
        new = holder.value[index]
        holder.value.append(new)  # a key or an item twice
    else:
        holder.value[index] = new
    try:
        return yaml.serialize(root, Dumper=yaml.Dumper).encode("utf-8", "surrogatepass")
    except (yaml.YAMLError, RecursionError, UnicodeError, TypeError):
        return mutated_nodes(text, chance)


def _places(node: Any) -> Iterator[tuple[Any, int]]:
    if isinstance(node, yaml.CollectionNode):
        for index, child in enumerate(node.value):
            yield node, index
            for each in child if isinstance(child, tuple) else (child,):
                yield from _places(each)


@dataclass
class Report:
    """What came of the inputs."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, bytes, str]] = field(default_factory=list)
    slowest: float = 0.0


class Hang(BaseException):
    """An input takes too long."""


def _ring(signum: int, frame: FrameType | None) -> None:
    raise Hang


def run(number: int, seed: int, report: Report | None = None) -> Report:
    """Give `number` mutated inputs to the readers; equal seeds give equal inputs."""
    report = report or Report()
    start, chance = seeds(), random.Random(seed)
    for each in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(each, _ring)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "part.yaml").write_text(SPECIFICATION)
        path = Path(folder, "input.yaml")
        for _ in range(number):
            chosen = chance.choice(start)
            how = chance.randrange(3)
            if how == 0:
                data = mutated_bytes(chosen.text, chance, start)
            elif how == 1:
                data = mutated_nodes(chosen.text, chance)
            else:
                data = mutated_tree(chosen.text, chance)
            path.write_bytes(data)
            begun = time.process_time()
            ended, detail = outcome(chosen.kind, path)
            report.slowest = max(report.slowest, time.process_time() - begun)
            report.outcomes[ended] += 1
            if ended not in ("read", "refused"):
                report.failures.append((chosen.kind, data, detail))
    return report


def outcome(kind: str, path: Path) -> tuple[str, str]:
    """Return what came of reading a file, and the message or traceback."""
    signal.alarm(LONGEST_WAIT)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        read(kind, path)
    except InputError as refusal:
        text = str(refusal)
        if "\n" in text or len(text) > 6000:
            return "long message", text
        return "refused", text
    except Hang:
        return "hang", traceback.format_exc()
    except Exception:
        return "traceback", traceback.format_exc()
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "read", ""


def main(number: int, seed: int) -> int:
    """Run in pieces, print figures, keep what ended badly."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    report, begun = Report(), time.perf_counter()
    piece = 1000
    for first in range(0, number, piece):
        run(min(piece, number - first), seed + first, report)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{sum(report.outcomes.values())} of {number}: {dict(report.outcomes)}, slowest"
            f" {report.slowest:.2f} s, {memory:.0f} MiB, {time.perf_counter() - begun:.0f} s",
            flush=True,
        )
    folder = Path("fuzz-failures")
    for index, (kind, data, detail) in enumerate(report.failures):
        folder.mkdir(exist_ok=True)
        (folder / f"{index}-{kind}.yaml").write_bytes(data)
        (folder / f"{index}-{kind}.txt").write_text(detail)
    print(f"seed {seed}: {len(report.failures)} of {number} ended badly")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
