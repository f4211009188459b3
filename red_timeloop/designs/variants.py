"""The plans that a design leaves open: folds, copies of its crossbars, and tilings of its buffers.

The constraints in `mappings/` fix what makes a design: weights resident, kernel pixels on their own
sub-crossbars, modes side by side, real pixels only. Open are how the pixels are cut over the
buffers and in which order they run, how many kernel pixels take turns on a crossbar (fold), and how
many copies of the crossbars work on pixels of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from red_timeloop.designs.constraints import check_rules, read_constraints
from red_timeloop.designs.design import Design
from red_timeloop.designs.packing import divisors
from red_timeloop.designs.pinned import pinned
from red_timeloop.designs.plan import Part, Plan, TargetLoops
from red_timeloop.designs.ranks import TAPS, pixels
from red_timeloop.designs.specification import assemble
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.spec.types import Loop, Specification

__all__ = ["CROSSBARS", "copied", "folded", "tiled"]

CROSSBARS = 16_128  # crossbars of a chip: 168 tiles x 12 IMAs x 8 (ISAAC, ISCA 2016, table 1)
_MOST_COPIES_TRIED = 3
_BUDGET = 4_000  # mappings tried for each part


def folded(design: Design, layer: Layer, hardware: Hardware) -> Iterator[Plan]:
    """Yield the plan asked for, and those of all folds by powers of two that are another.

    Raises:
        InputError: The design cannot run the layer.
    """
    asked = design.plan(layer, hardware)
    yield asked
    fold = 1
    while asked.crossbars and fold <= math.prod(layer.kernel_size):
        if fold != hardware.fold:
            try:
                plan = design.plan(layer, replace(hardware, fold=fold))
            except InputError:
                return  # more turns than a mode has kernel pixels
            if plan.parts == asked.parts:
                return  # the design does not fold
            yield plan
        fold *= 2


def copied(plan: Plan, crossbars: int) -> Iterator[Plan]:
    """Yield the plan, and with the largest numbers of copies that share the pixels evenly.

    Args:
        plan: A plan.
        crossbars: Crossbars that all copies together may have.
    """
    yield plan
    if not plan.crossbars:
        return
    ranks = pixels(plan.layer.ndim)
    shares = [
        divisors(math.gcd(*(part.problem.sizes[rank] for part in plan.parts))) for rank in ranks
    ]
    choices = sorted(
        (
            choice
            for choice in product(*shares)
            if 1 < math.prod(choice) <= crossbars // plan.crossbars
        ),
        key=lambda choice: (-math.prod(choice), choice),
    )
    tried: dict[int, tuple[int, ...]] = {}
    for choice in choices:
        tried.setdefault(math.prod(choice), choice)
    for count, choice in list(tried.items())[:_MOST_COPIES_TRIED]:
        split = dict(zip(ranks, choice, strict=True))
        parts = tuple(_copied_part(part, split, count) for part in plan.parts)
        steps = None if plan.steps is None else plan.steps // count
        yield replace(plan, parts=parts, steps=steps)


def _copied_part(part: Part, split: Mapping[str, int], count: int) -> Part:
    assert part.loops is not None
    loops = {
        target: replace(own, temporal=tuple(_shared(loop, split) for loop in own.temporal))
        for target, own in part.loops.items()
    }
    loops["copy"] = TargetLoops(x=tuple(split.items()))
    return replace(
        part,
        loops=loops,
        sizes=part.sizes.copied(count),
        crossbars=part.crossbars * count,
        notes=(*part.notes, f"{count} copies of the crossbars share the output pixels"),
    )


def _shared(loop: Loop, split: Mapping[str, int]) -> Loop:
    rank, count = loop
    return rank, count // split.get(rank, 1)


def tiled(plan: Plan, cycle_time: Any) -> Plan:
    """Let the mapper cut the pixels over the buffers, on the largest part, for all alike parts.

    Args:
        plan: A plan.
        cycle_time: Length of a cycle in s.
    """
    from red_timeloop.mapper.run import map_all

    own = [part for part in plan.parts if part.crossbars and part.loops is not None]
    if not own:
        return plan
    main = max(own, key=_operations)
    ranks = set(pixels(plan.layer.ndim)) | {"N"}
    specification = assemble(plan, main, cycle_time)
    open_ranks = _open(plan, specification, ranks)
    own_energy = replace(pinned(specification, open_ranks), objective="energy")
    [[found]] = map_all([[own_energy]], _BUDGET)
    if isinstance(found, InputError):
        raise found
    mapping = found[1]
    turns = frozenset(rank for rank in main.problem.dimensions if rank in TAPS)
    mapped = replace(specification, mapping=mapping)
    check_rules(plan.architecture, plan.constraints, mapped, turns=turns)
    chosen = {
        level.target: TargetLoops(temporal=mapping.levels[level.name].temporal)
        for level in specification.architecture.levels
        if level.name in open_ranks
    }
    sizes = {rank: main.problem.sizes[rank] for rank in ranks}
    parts = tuple(
        replace(part, loops={**(part.loops or {}), **chosen})
        if {rank: part.problem.sizes[rank] for rank in ranks} == sizes
        else part
        for part in plan.parts
    )
    return replace(plan, parts=parts)


def _operations(part: Part) -> int:
    return part.problem.operations


def _open(plan: Plan, specification: Specification, ranks: set[str]) -> dict[str, set[str]]:
    """Return, for each level above the crossbars, the ranks that may have loops over time."""
    bounds = read_constraints(plan.architecture, plan.constraints, specification.problem)
    found = {}
    for level in specification.architecture.mapped_levels:
        if level.kind == "spatial":
            break
        temporal = bounds.levels[level.name].temporal
        free = ranks - {each.dimension for each in temporal.factors}
        if free:
            found[level.name] = free
    return found
