"""A mapping as a loop nest to read."""

from __future__ import annotations

from red_timeloop.designs.result import DesignResult
from red_timeloop.spec.types import Specification

__all__ = ["loop_nest", "loop_nests"]


def loop_nests(result: DesignResult) -> list[tuple[str, str]]:
    """Return the name and the loop nest of each part of an evaluation."""
    return [(each.part.name, loop_nest(each.specification)) for each in result.evaluations]


def loop_nest(specification: Specification) -> str:
    """Return the mapping of `specification`, outermost loop first.

    A level that keeps data is a line of its own; `for` runs in time, `parallel` over instances.
    """
    assert specification.mapping is not None
    lines: list[str] = []
    depth = 0
    for level in specification.architecture.mapped_levels:
        mapping = specification.mapping.levels[level.name]
        if level.kind == "storage":
            kept = ", ".join(mapping.keep) or "nothing"
            copies = f" x {level.instances:,}" if level.instances > 1 else ""
            lines.append(f"{'  ' * depth}[{level.name}{copies}] keeps {kept}")
        loops = [(mapping.temporal, "for", "")]
        if level.kind == "spatial":
            loops = [
                (mapping.spatial_y, "parallel", f"  ({level.target}, y)"),
                (mapping.spatial_x, "parallel", f"  ({level.target}, x)"),
            ]
        for nest, word, where in loops:
            for rank, count in reversed(nest):
                lines.append(f"{'  ' * depth}{word} {rank} in 0..{count - 1}{where}")
                depth += 1
    names = (
        [space.name for space in specification.problem.data_spaces] if specification.problem else []
    )
    lines.append(f"{'  ' * depth}multiply-accumulate ({', '.join(names)})")
    return "\n".join(lines)
