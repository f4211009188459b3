"""The interface of the engines, and the public call that evaluates one mapping.

An engine is a module with a function `evaluate_specification`; it is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from red_timeloop.engines.pricing import priced
from red_timeloop.engines.result import EngineResult
from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Specification

__all__ = ["ENGINES", "Engine", "engine", "evaluate_priced", "model"]

# name -> module
ENGINES: dict[str, str] = {
    "embedded": "red_timeloop.engines.embedded.engine",
    "timeloop": "red_timeloop.engines.timeloop.engine",
}


class Engine(Protocol):
    """What an engine offers."""

    __name__: str  # an engine is a module

    def evaluate_specification(self, specification: Specification) -> EngineResult:
        """Evaluate a specification that has a problem and a mapping.

        Raises:
            InputError: The specification lacks a part, or the mapping is not legal on it.
        """


def engine(name: str) -> Engine:
    """Return the engine called `name`; `auto` is the real Timeloop where it works.

    Raises:
        InputError: There is none of that name.
    """
    if name == "auto":
        from red_timeloop.engines.timeloop.tools import usable

        name = "timeloop" if usable() else "embedded"
    if name not in ENGINES:
        raise InputError(f"unknown engine {name!r}", key="engine", legal=[*ENGINES, "auto"])
    return cast(Engine, import_module(ENGINES[name]))


def model(
    spec_files: str | Path | Sequence[str | Path],
    mapping: str | Path | None = None,
    ert: str | Path | None = None,
    art: str | Path | None = None,
    engine: str = "embedded",
    jinja: Mapping[str, Any] | None = None,
    estimator: str = "auto",
) -> dict[str, Any]:
    """Evaluate one mapping of a Timeloop v0.4 specification.

    Args:
        spec_files: YAML file or files with architecture and problem (see
            `red_timeloop.spec.reader.read_specification`).
        mapping: File with the mapping, when it is not in `spec_files` and their constraints leave
            something open.
        ert: File with the energy table (pJ an action); without one, every component is priced.
        art: File with the area table (um^2).
        engine: Name of the engine.
        jinja: Data of the files that are Jinja2 templates.
        estimator: Who prices where there is no table; see `red_timeloop.engines.pricing`.

    Returns:
        `{"engine", "cycles", "computes", "energy_J", "area_m2", "priced_by", "levels": {NAME:
        {"instances", "utilized_instances", "energy_J", "data_spaces": {NAME: {"reads", "fills",
        "updates", "temporal_reductions", "utilized_instances", "utilized_capacity",
        "energy_J"}}}}}`.
        Counts are those of one instance, as Timeloop prints them; energies are those of all
        instances, a level's with its leakage. Levels stand innermost first. `priced_by` says for
        each level whose prices hold; `area_m2` is null where only the energies have a table.

    Raises:
        InputError: A file or a value in it is not legal, nobody prices a component, or the mapping
            does not fit; the message names file and key, or the level.
    """
    specification = read_specification(
        spec_files, mapping=mapping, ert=ert, art=art, jinja=jinja, fixed=True
    )
    return evaluate_priced(specification, engine, estimator).as_dict()


def evaluate_priced(
    specification: Specification, engine: str = "embedded", estimator: str = "auto"
) -> EngineResult:
    """Evaluate the mapping of a specification, priced where it has no energy table.

    Raises:
        InputError: As `model`.
    """
    chosen = _engine(engine)
    if specification.mapping is not None:  # else that is what is missing
        specification = priced(specification, estimator, chosen.__name__ == ENGINES["timeloop"])
    return chosen.evaluate_specification(specification)


_engine = engine  # `model` has an argument of that name
