"""The results of a sweep as columns, with measures and parameters side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.designs import BASELINE, find
from red_timeloop.designs import names as design_names
from red_timeloop.errors import InputError
from red_timeloop.sweeps.errors import SweepError
from red_timeloop.sweeps.measures import Condition, Objective, measures, usual
from red_timeloop.sweeps.store import Store

__all__ = ["Results", "load_results"]

_STORED = (
    "cycles",
    "latency_s",
    "energy_J",
    "area_m2",
    "programming_energy_J",
    "crossbars",
    "sqnr_dB",
)


_WHOLE = ("cycles", "crossbars", "crossbars_used", "tiles", "chips")


@dataclass(frozen=True)
class Results:
    """Evaluations of points on designs: row i of every column is the same evaluation.

    Attributes:
        words: Columns of text: `workload`, `hardware`, `design`, and parameters that are words.
        numbers: Columns of numbers: the measures and the parameters that are numbers; NaN where
            there is none.
        parameters: Names of the parameters, which are among the columns.
        objectives: What the sweep asked for.
        constraints: What it asked to keep to.
        failed: Reasons of the evaluations that failed, with how many have each.
        stated: For each row the ratio in dB that its parameter set's own converters reach on the
            workload and the design; NaN where it is not known.
        notes: What `feasible` left out without being asked for it, as sentences.
    """

    words: Mapping[str, NDArray[np.str_]]
    numbers: Mapping[str, NDArray[np.float64]]
    parameters: tuple[str, ...]
    objectives: tuple[Objective, ...]
    constraints: tuple[Condition, ...]
    failed: Mapping[str, int]
    stated: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.words["design"])

    def select(self, rows: NDArray[Any]) -> Results:
        """Return some of the rows, by mask or by index."""
        return replace(
            self,
            words={name: column[rows] for name, column in self.words.items()},
            numbers={name: column[rows] for name, column in self.numbers.items()},
            stated=self.stated[rows],
        )

    def feasible(self, more: Iterable[Condition] = ()) -> Results:
        """Return the rows that keep to the sweep's constraints and to `more`.

        Where none of them is on `sqnr_dB`, rows that lose more than the parameter set itself are
        left out too; `notes` says so.

        Raises:
            InputError: A condition names no column of numbers.
        """
        conditions = (*self.constraints, *more)
        mask = np.ones(len(self), dtype=bool)
        for condition in conditions:
            mask &= condition.holds(self.numbers)
        if any(condition.name == "sqnr_dB" for condition in conditions):
            return self.select(mask)
        kept, notes = self._accurate(mask)
        return replace(self.select(kept), notes=notes)

    def _accurate(self, mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
        """Return which rows of `mask` lose no more than their set, and what that leaves out."""
        sqnr, open_ = self.numbers["sqnr_dB"], np.isnan(self.stated)
        kept = mask & (open_ | (sqnr >= self.stated))
        notes = []
        if cut := int(mask.sum() - kept.sum()):
            none = int((mask & ~kept & np.isnan(sqnr)).sum())
            unknown = f", {none:,} of them without a known ratio" if none else ""
            least = self.stated[mask & ~kept].min()
            bound = "lossless" if np.isinf(least) else f"{least:.1f} dB and more"
            notes.append(
                f"{cut:,} of {int(mask.sum()):,} evaluations are left out{unknown}: their"
                f" converters lose more than those of the parameter set ({bound}). A bound of your"
                " own, e.g. 'sqnr_dB >= 30' (--where, constraints), takes the place of this one."
            )
        if unbound := int((mask & open_).sum()):
            notes.append(
                f"The accuracy of {unbound:,} evaluations is not known, and nothing bounds it"
                " (sqnr: true has them executed)."
            )
        return kept, tuple(notes)

    def row(self, index: int) -> dict[str, Any]:
        """Return one row: who, the parameters, the measures that there are."""
        row: dict[str, Any] = {
            name: str(self.words[name][index]) for name in ("workload", "hardware", "design")
        }
        for name in self.parameters:
            if name in self.words:
                row[name] = str(self.words[name][index])
            else:
                value = float(self.numbers[name][index])
                whole = value.is_integer() and abs(value) < 2**53
                row[name] = None if np.isnan(value) else int(value) if whole else value
        for name in measures(chip="images_per_s" in self.numbers):
            value = float(self.numbers[name][index])
            if not np.isnan(value):
                row[name] = int(value) if name in _WHOLE else value
        return row


def load_results(
    path: str | Path, sweep: str | None = None, designs: Sequence[str] = ()
) -> Results:
    """Read the results of a sweep.

    Args:
        path: The store or its folder.
        sweep: Name of the sweep; may be left out when the store has one only.
        designs: Designs to read, by name or by where they are; all of them when empty.

    Raises:
        InputError: There is no store, no such sweep or design, or nothing was evaluated.
        SweepError: The store is damaged or of a newer version.
    """
    with Store.read(path) as store, _intact(store.file):
        known = store.sweeps()
        if sweep is None and len(known) != 1:
            raise InputError("the store holds several sweeps", key="sweep", legal=list(known))
        name = sweep if sweep is not None else next(iter(known))
        if name not in known:
            raise InputError(f"there is no sweep {name!r}", key="sweep", legal=list(known))
        results = _collect(store, known[name])
    present = sorted(set(results.words["design"].tolist()))
    names = [find(each, code=True).name if ":" in each else each for each in designs]
    for design in names:
        if design not in present:
            raise InputError(f"the sweep has no results of {design!r}", key="design", legal=present)
    return results.select(np.isin(results.words["design"], names)) if names else results


@contextmanager
def _intact(file: Path) -> Iterator[None]:
    """Say that a store is damaged where a value is not of its kind; schema 1 has no checksums."""
    try:
        yield
    except InputError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise SweepError(
            f"{file}: is damaged: a value is not of its kind ({error}); it was left as it is"
        ) from error


def _collect(store: Store, definition: Mapping[str, Any]) -> Results:
    bases = store.bases()
    # Another sweep may have run the same points on other designs, zero padding for one.
    own = definition.get("designs") or design_names()
    rows: list[tuple[Any, ...]] = []
    settings: list[tuple[int, dict[str, Any]]] = []
    failed: dict[str, int] = {}
    numbered: dict[int, int] = {}  # points in the order of their keys, whatever their ids
    chip = definition.get("chip") is not None
    for point, workload, base, changes, design, error, *measured, found in store.evaluations(
        definition["id"]
    ):
        if error is not None:
            if design in own:
                reason = f"{design}: {error}"
                failed[reason] = failed.get(reason, 0) + 1
            continue
        if base not in bases:
            raise SweepError(f"{store.file}: is damaged: point {point} has the unknown base {base}")
        number = numbered.setdefault(point, len(numbered))
        if chip:
            found = {**found, "sqnr_dB": measured[-1]}
            measured = [found.get(name) for name in measures(chip=True)]
        rows.append((number, workload, design, *measured))
        settings.append((base, changes))
    if not any(row[2] in own for row in rows):
        reasons = "; ".join(failed) or "nothing was evaluated yet"
        raise InputError(f"the sweep has no results: {reasons}", file=store.file)
    points, workloads, on, *columns = zip(*rows, strict=True)
    words = {
        "workload": np.asarray(workloads),
        "hardware": np.asarray([bases[base]["name"] for base, _ in settings]),
        "design": np.asarray(on),
    }
    numbers = {
        name: np.asarray(column, dtype=float)
        for name, column in zip(measures(chip=True) if chip else _STORED, columns, strict=True)
    }
    if chip:
        time, energy = 1 / numbers["images_per_s"], numbers["energy_J_per_image"]
    else:
        time, energy = numbers["latency_s"], numbers["energy_J"]
        numbers["energy_delay_Js"] = energy * time
    numbers |= _against_baseline(np.asarray(points), words["design"], time, energy)
    parameters = tuple(dict.fromkeys(name for _, changes in settings for name in changes))
    for name in parameters:
        values = [changes.get(name, bases[base].get(name)) for base, changes in settings]
        if any(isinstance(value, str | bool) for value in values):
            words[name] = np.asarray([str(value).lower() for value in values])
        else:
            numbers[name] = np.asarray(values, dtype=float)
    results = Results(
        words=words,
        numbers=numbers,
        parameters=parameters,
        objectives=tuple(
            Objective.parse(text) for text in definition.get("objectives") or usual(chip=chip)
        ),
        constraints=tuple(Condition.parse(text) for text in definition.get("constraints") or ()),
        failed=failed,
        stated=_stated(words, definition.get("stated_sqnr_dB") or {}),
    )
    return results.select(np.isin(words["design"], own))


def _stated(words: Mapping[str, NDArray[np.str_]], ratios: Mapping[str, Any]) -> NDArray[Any]:
    """Return the ratio of each row's parameter set; NaN where the sweep has none."""
    who = zip(*(words[name].tolist() for name in ("workload", "hardware", "design")), strict=True)
    found = (ratios.get(load, {}).get(base, {}).get(design) for load, base, design in who)
    return np.array([math.nan if ratio is None else float(ratio) for ratio in found], float)


def _against_baseline(
    points: NDArray[Any],
    on: NDArray[Any],
    time: NDArray[np.float64],
    energy: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Return speedup and energy saving of each row against zero padding at the same point."""
    base = on == BASELINE.name
    order = np.searchsorted(points[base], points)  # rows stand by point
    order = np.minimum(order, max(0, int(base.sum()) - 1))
    there = points[base][order] == points if base.any() else np.zeros(len(points), bool)
    speedup = np.full(len(points), np.nan)
    saving = np.full(len(points), np.nan)
    if base.any():
        with np.errstate(divide="ignore", invalid="ignore"):
            speedup = time[base][order] / time
            saving = 1 - energy / energy[base][order]
    return {
        "speedup": np.where(there, speedup, np.nan),
        "energy_saving": np.where(there, saving, np.nan),
    }
