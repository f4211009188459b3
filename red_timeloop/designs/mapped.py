"""ReRAM designs with what the design leaves open chosen by the mapper.

The constraints in `mappings/` fix what makes a design: weights resident, kernel pixels on their own
sub-crossbars, modes side by side, real pixels only. Open are how the pixels are cut over the
buffers and in which order they run, how many kernel pixels take turns on a crossbar (fold), and how
many copies of the crossbars work on pixels of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from red_timeloop.components.base import plain
from red_timeloop.designs.assemble import assemble
from red_timeloop.designs.evaluate import DesignResult, Run, evaluate
from red_timeloop.designs.plan import Part, Plan, TargetLoops
from red_timeloop.designs.ranks import pixels
from red_timeloop.designs.rules import check_rules, rules
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.spec.types import (
    Constraints,
    DataSpaceConstraint,
    FactorConstraint,
    LevelConstraints,
    LevelMapping,
    Loop,
    LoopConstraint,
    Specification,
)

if TYPE_CHECKING:
    from red_timeloop.designs.design import Design

__all__ = ["CROSSBARS", "evaluate_mapped"]

CROSSBARS = 16_128  # crossbars of a chip: 168 tiles x 12 IMAs x 8 (ISAAC, ISCA 2016, table 1)
_MOST_COPIES_TRIED = 3
_BUDGET = 4_000  # mappings tried for each part


def evaluate_mapped(
    design: Design,
    layer: Layer,
    hardware: Hardware,
    run: Run,
    crossbars: int = CROSSBARS,
) -> DesignResult:
    """Evaluate `layer` on `design` with the best fold, copies, buffer tiles and loop order found.

    Best is what has the lowest energy times latency with at most `crossbars` crossbars.

    Raises:
        InputError: The design cannot hold the layer, or needs more crossbars.
    """
    best: DesignResult | None = None
    smallest: int | None = None
    for plan in _folded(design, layer, hardware):
        smallest = min(plan.crossbars, smallest or plan.crossbars)
        if plan.crossbars > crossbars:
            continue
        for copied in _copied(plan, crossbars):
            for candidate in (copied, _tiled(copied, run)):
                tried = evaluate(candidate, run)
                if best is None or tried.energy * tried.latency < best.energy * best.latency:
                    best = tried
    if best is None:
        raise InputError(
            f"the layer needs more than {crossbars} crossbars",
            key="crossbars",
            legal=f"{smallest} or more",
        )
    return best


def _folded(design: Design, layer: Layer, hardware: Hardware) -> Iterator[Plan]:
    """Yield the plans of all folds by powers of two, and of the one asked for."""
    yield design.plan(layer, hardware)
    fold = 1
    while fold <= math.prod(layer.kernel_size):
        if fold != hardware.fold:
            try:
                plan = design.plan(layer, replace(hardware, fold=fold))
            except InputError:
                return  # more turns than a mode has kernel pixels
            if fold > 1 and not _turns(plan):
                return  # the design does not fold
            yield plan
        fold *= 2


def _turns(plan: Plan) -> bool:
    return any(int(part.variables["fold"]) > 1 for part in plan.parts)


def _copied(plan: Plan, crossbars: int) -> Iterator[Plan]:
    """Yield the plan, and with the largest numbers of copies that share the pixels evenly."""
    yield plan
    ranks = pixels(plan.layer.ndim)
    shares = [
        _divisors(math.gcd(*(part.problem.sizes[rank] for part in plan.parts))) for rank in ranks
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
        yield replace(plan, parts=parts, steps=plan.steps // count)


def _divisors(number: int) -> list[int]:
    return [each for each in range(1, number + 1) if number % each == 0]


def _copied_part(part: Part, split: Mapping[str, int], count: int) -> Part:
    loops = {
        target: replace(own, temporal=tuple(_shared(loop, split) for loop in own.temporal))
        for target, own in part.loops.items()
    }
    loops["copy"] = TargetLoops(x=tuple(split.items()))
    variables = dict(part.variables)
    variables["copies"] = count
    for name in ("edram_depth", "input_buffer_depth", "output_buffer_depth"):
        if name in variables:  # the buffers hold what all copies work on
            variables[name] = int(variables[name]) * count
    variables["served_arrays"] = int(variables["served_arrays"]) * count
    return replace(
        part,
        loops=loops,
        variables=variables,
        crossbars=part.crossbars * count,
        notes=(*part.notes, f"{count} copies of the crossbars share the output pixels"),
    )


def _shared(loop: Loop, split: Mapping[str, int]) -> Loop:
    rank, count = loop
    return rank, count // split.get(rank, 1)


def _tiled(plan: Plan, run: Run) -> Plan:
    """Let the mapper cut the pixels over the buffers, on the largest part, for all alike parts."""
    from red_timeloop.mapper.run import search_specification

    main = max((part for part in plan.parts if part.crossbars), key=_operations)
    ranks = set(pixels(plan.layer.ndim)) | {"N"}
    cycle = plain(evaluate(plan, run).cycle_time)
    specification = assemble(plan, main, cycle)
    open_levels = _open(plan, specification, ranks)
    if not open_levels:
        return plan
    constraints = _constraints(specification, open_levels)
    mapping, _, _ = search_specification(
        replace(specification, mapping=None, constraints=constraints),
        "energy",
        budget=_BUDGET,
        interruptible=False,
    )
    folds = frozenset(part for part in main.problem.dimensions if part in "TRS")
    check_rules(plan.architecture, replace(specification, mapping=mapping), turns=folds)
    levels = specification.architecture.levels
    chosen = {
        level.target: TargetLoops(temporal=mapping.levels[level.name].temporal)
        for level in levels
        if level.name in open_levels
    }
    sizes = {rank: main.problem.sizes[rank] for rank in ranks}
    parts = tuple(
        replace(part, loops={**part.loops, **chosen})
        if {rank: part.problem.sizes[rank] for rank in ranks} == sizes
        else part
        for part in plan.parts
    )
    return replace(plan, parts=parts)


def _operations(part: Part) -> int:
    return part.problem.operations


def _open(plan: Plan, specification: Specification, ranks: set[str]) -> dict[str, set[str]]:
    """Return, for each level above the crossbars, the ranks that may have loops over time."""
    fixed = {
        rule.target: rule.alone for rule in rules(plan.architecture) if rule.kind == "temporal"
    }
    found = {}
    for level in specification.architecture.mapped_levels:
        if level.kind == "spatial":
            break
        free = ranks - fixed.get(level.target, frozenset())
        if free:
            found[level.name] = free
    return found


def _constraints(specification: Specification, open_levels: Mapping[str, set[str]]) -> Constraints:
    """Pin everything to the plan's mapping but the open loops."""
    assert specification.mapping is not None
    assert specification.problem is not None
    dimensions = specification.problem.dimensions
    levels = {}
    for name, chosen in specification.mapping.levels.items():
        free = open_levels.get(name, set())
        levels[name] = LevelConstraints(
            temporal=LoopConstraint(
                factors=_pinned(chosen.temporal, dimensions, free),
                permutation=() if free else _order(chosen.temporal),
                no_reuse=chosen.no_temporal_reuse,
            ),
            spatial=_across(chosen, dimensions),
            data_spaces=DataSpaceConstraint(chosen.keep, chosen.bypass),
        )
    return Constraints(levels)


def _pinned(
    loops: Sequence[Loop], dimensions: Sequence[str], free: set[str]
) -> tuple[FactorConstraint, ...]:
    factors: dict[str, int] = {}
    for rank, count in loops:
        factors[rank] = factors.get(rank, 1) * count
    return tuple(
        FactorConstraint(rank, "=", factors.get(rank, 1)) for rank in dimensions if rank not in free
    )


def _order(loops: Sequence[Loop]) -> tuple[str, ...]:
    return tuple(rank for rank, _ in loops)


def _across(chosen: LevelMapping, dimensions: Sequence[str]) -> LoopConstraint:
    along_x, along_y = _order(chosen.spatial_x), _order(chosen.spatial_y)
    rest = tuple(rank for rank in dimensions if rank not in along_x + along_y)
    return LoopConstraint(
        factors=_pinned(chosen.spatial_x + chosen.spatial_y, dimensions, set()),
        permutation=along_x + along_y + rest,
        split=len(along_x),
    )
