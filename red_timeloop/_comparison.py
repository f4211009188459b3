"""What a comparison found, and the forms that it is shown and written in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from red_timeloop import designs as known
from red_timeloop._html import html_table
from red_timeloop.accuracy import Accuracy, Converters, accuracy_notes
from red_timeloop.designs import BASELINE, Design
from red_timeloop.designs.red import RED
from red_timeloop.designs.result import DesignResult
from red_timeloop.designs.words import assumptions, dominated, reasons
from red_timeloop.errors import InputError, meant, shown
from red_timeloop.files import to_csv, to_json, write_atomic
from red_timeloop.frontends.accounting import framework
from red_timeloop.hardware import Hardware
from red_timeloop.summary import LayerResult, Summary, summarised
from red_timeloop.units import area, ratio, scaled
from red_timeloop.workload import Workload

if TYPE_CHECKING:
    from red_timeloop.views.plot import Plots

__all__ = ["Comparison", "Failure"]

_SHOWN = 7  # designs in a repr
_COLUMNS = {  # key of a row -> title of its column in a notebook
    "latency_s": "latency",
    "speedup_vs_zero_padding": "speedup",
    "energy_J": "energy",
    "energy_ratio_vs_zero_padding": "ratio",
    "area_m2": "area",
}


@dataclass(frozen=True)
class Failure:
    """A layer that a design cannot hold, and why."""

    layer: str
    design: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """A workload on several designs.

    Attributes:
        workload: The workload.
        hardware: The parameter set that all designs share.
        engine: The engine that counted.
        results: One for each layer and design, in the workload's order.
        baseline: Zero padding's results, whether it was asked for or not.
        failures: What a design cannot hold.
        iso_area: Whether the designs have the area of RED, layer by layer.
        crossbars: Crossbars that mapped ReRAM designs may use; None for their fixed mapping.
        accuracy: What every design reaches; None where each has the converters of the parameter
            set.
        converters: With which converters each design does, zero padding's among them.
    """

    workload: Workload
    hardware: Hardware
    engine: str
    results: tuple[LayerResult, ...]
    baseline: tuple[LayerResult, ...]
    failures: tuple[Failure, ...] = ()
    iso_area: bool = False
    crossbars: int | None = None
    accuracy: Accuracy | None = None
    converters: tuple[Converters, ...] = ()

    @cached_property
    def designs(self) -> tuple[str, ...]:
        """Names of the designs that have results, in the order they were asked for."""
        return tuple(dict.fromkeys(result.design for result in self.results))

    @cached_property
    def summary(self) -> tuple[Summary, ...]:
        """Each design against zero padding."""
        return tuple(summarised(name, self.results, self.baseline) for name in self.designs)

    @cached_property
    def against(self) -> dict[tuple[str, str], tuple[float, float]]:
        """Speedup over zero padding and energy over its energy, by layer and design that have it.

        The speedup is infinite where a design computes nothing.
        """
        return {
            (layer, of.design): (speedup, 1 - saving)
            for of in self.summary
            for layer, (speedup, saving) in of.layers.items()
        }

    @property
    def labels(self) -> dict[str, str]:
        """How the designs are printed, and the baseline, by name."""
        return {name: design.label for name, design in self._known.items()}

    @property
    def colours(self) -> dict[str, str]:
        """Colours that designs have of their own, by name, those of all shipped ones included."""
        own = {name: design.colour for name, design in self._known.items() if design.colour}
        return known.registry.colours() | own

    @cached_property
    def _known(self) -> dict[str, Design]:
        ran = (result.design_result.design for result in (*self.results, *self.baseline))
        return {BASELINE.name: BASELINE} | {design.name: design for design in ran}

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the numbers rest on, one sentence each."""
        equal = self.accuracy is not None
        lines = list(assumptions(self.hardware, self.engine, self._named, equal_accuracy=equal))
        if self.crossbars is not None:
            lines.append(
                "ReRAM designs mapped for energy times delay: buffer tiles, loop order, fold and "
                f"copies, with at most {self.crossbars} crossbars a layer."
            )
        if self.iso_area and self.crossbars is None:
            lines.append(
                "ReRAM designs have as many copies of their weights, layer by layer, as fit into "
                "RED's area and share the output pixels evenly; one where even that is larger."
            )
        if self.accuracy is not None:
            used = [each for each in self.converters if each.design in self.designs]
            lines += accuracy_notes(self.accuracy, used)
        own: dict[str, dict[str, None]] = {}
        for result in self.results:
            own.setdefault(result.design_result.rests_on, {})[result.design] = None
        lines += [f"{', '.join(names)}: {clause}" for clause, names in own.items() if clause]
        totals = dominated(
            [(each.layer, each.entry.repeat, each.design_result) for each in self.baseline]
        )
        lines += [totals] if totals else []
        lines += [f"{self.workload.name}: {note}" for note in self.workload.unconfirmed]
        bare = [entry.name for entry in self.workload.layers if not entry.source]
        lines += [f"{self.workload.name}: no source is given for {', '.join(bare)}"] if bare else []
        unsure = [entry for entry in self.workload.layers if entry.unconfirmed]
        lines += [f"{entry.name}: unconfirmed: {'; '.join(entry.unconfirmed)}" for entry in unsure]
        return tuple(lines)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, for each transposed convolution on which a ReRAM rival needs no more energy."""
        return tuple(reasons(RED.name, self._named))

    @property
    def _named(self) -> list[tuple[str, DesignResult]]:
        return [(result.layer, result.design_result) for result in self.results]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison in the keys of the JSON output (schema 1)."""
        equal: dict[str, Any] = {}
        if self.accuracy is not None:
            equal["accuracy"] = {
                "measure": self.accuracy.measure,
                "at_least": self.accuracy.at_least,
                "converters": [each.as_dict() for each in self.converters],
            }
        return {
            "schema": 1,
            "workload": self.workload.name,
            "engine": self.engine,
            "hardware": self.hardware.name,
            "zero_aware": self.hardware.zero_aware,
            "zeros_stored": self.hardware.zeros_stored,
            "assumptions": list(self.assumptions),
            "reasons": list(self.reasons),
            "results": [result.as_dict() for result in self.results],
            "summary": [summary.as_dict() for summary in self.summary],
            "failures": [vars(failure) for failure in self.failures],
            **equal,
        }

    @property
    def plot(self) -> Plots:
        """The figures of the report on matplotlib's axes, e.g. `plot.energy(ax)`."""
        from red_timeloop.views.plot import Plots  # drawing is loaded when it is needed

        return Plots(self)

    def report(self, folder: str | Path, *, figures: bool = False) -> Path:
        """Write `report.html` and its data into `folder` and return the page's path.

        Args:
            folder: Where to write; made if there is none.
            figures: Also write every chart as SVG, PDF and PNG.

        Raises:
            InputError: There is nothing to show, or a file cannot be written.
        """
        from red_timeloop.views.write import report  # drawing is loaded when it is needed

        return report(self, folder, figures=figures)

    def rows(self) -> list[dict[str, Any]]:
        """Return the results as lines of a table, one for each layer and design."""
        shared = {
            "workload": self.workload.name,
            "hardware": self.hardware.name,
            "engine": self.engine,
        }
        rows = []
        for result in self.results:
            speedup, needed = self.against.get((result.layer, result.design), (None, None))
            ratios = {
                "speedup_vs_zero_padding": speedup,
                "energy_ratio_vs_zero_padding": needed,
            }
            rows.append({**shared, **result.row(), **ratios})
        return rows

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the rows as CSV, and write them to `path` if it is given.

        Raises:
            InputError: The file cannot be written.
        """
        return _written(to_csv(self.rows()), path)

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the comparison as JSON (schema 1), and write it to `path` if it is given.

        Raises:
            InputError: The file cannot be written.
        """
        return _written(to_json(self.as_dict()), path)

    def to_pandas(self) -> Any:
        """Return the rows as a `pandas.DataFrame`, by layer and design.

        Raises:
            InputError: pandas is not installed.
        """
        pandas = framework("pandas", "pandas")
        return pandas.DataFrame(self.rows()).set_index(["layer", "design"])

    def __getitem__(self, key: str | tuple[str, str]) -> Comparison | DesignResult:
        """Return what was found of one layer, of one design, or of a layer on a design.

        Args:
            key: `"LAYER"` or `"DESIGN"`: a comparison of that alone; `"LAYER", "DESIGN"`: the
                result.

        Raises:
            InputError: There is no such layer or design here.

        >>> from red_timeloop import compare
        >>> compare("red_date2019", ["red"])["GAN_Deconv3", "red"].cycles
        16
        """
        wanted = key if isinstance(key, tuple) else (key,)
        layers = list(dict.fromkeys(result.layer for result in self.results))
        legal = [*layers, *self.designs]
        for name in wanted:
            if name not in legal:
                raise InputError(
                    f"no {shown(name)} here{meant(name, legal)}", key="[]", legal=legal
                )
        found = [each for each in self.results if {*wanted} <= {each.layer, each.design}]
        if len(wanted) > 1:
            if len({*wanted}) != 2 or len(found) != 1:
                raise InputError(f"got {shown(key)}", key="[]", legal="a layer and a design")
            return found[0].design_result
        ran = {each.layer for each in found}
        entries = tuple(entry for entry in self.workload.layers if entry.name in ran)
        return replace(
            self,
            workload=replace(self.workload, layers=entries),
            results=tuple(found),
            baseline=tuple(each for each in self.baseline if each.layer in ran),
        )

    def __repr__(self) -> str:
        """Return at most ten lines."""
        count = len(self.workload.layers)
        lines = [
            f"<{self.workload.name}: {count} layer{'s' * (count != 1)} on {len(self.designs)} "
            f"design{'s' * (len(self.designs) != 1)}, {self.hardware.name}, {self.engine} engine"
        ]
        more = len(self.summary) - _SHOWN
        lines += [
            f"  {name}: {latency} (speedup {speedup}), {energy} ({against}), {size}"
            for name, latency, speedup, energy, against, size in map(
                self._total, self.summary[:_SHOWN]
            )
        ]
        lines += [f"  and {more} more designs"] if more > 0 else []
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        """Show the totals, and below them each layer, in a notebook."""
        lines = [self._total(summary) for summary in self.summary]
        totals = [(f"all layers: {name}", *cells) for name, *cells in lines]
        each = [
            _line(f"{row['layer']}: {row['design']}", *(row[key] for key in _COLUMNS))
            for row in self.rows()
        ]
        caption = f"{self.workload.name}, {self.hardware.name}, against {BASELINE.name}"
        return html_table(("design", *_COLUMNS.values()), [*totals, *each], caption)

    def _total(self, of: Summary) -> tuple[str, ...]:
        return _line(of.design, of.latency, of.speedup, of.energy, of.energy_ratio, of.area)


def _line(
    name: str,
    latency: float,
    speedup: float | None,
    energy: float,
    energy_ratio: float | None,
    square_metres: float,
) -> tuple[str, ...]:
    against = ("" if value is None else ratio(value) for value in (speedup, energy_ratio))
    first, second = against
    return name, scaled(latency, "s"), first, scaled(energy, "J"), second, area(square_metres)


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        write_atomic(path, text)
    return text
