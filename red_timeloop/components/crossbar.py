"""The parts of one physical crossbar as Timeloop levels: rows, cells, columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from red_timeloop.components import array
from red_timeloop.components.attributes import within
from red_timeloop.components.base import Component

__all__ = ["ReramArray", "ReramCell", "ReramMac", "RowDriver"]


@dataclass(frozen=True)
class ReramArray(Component):
    """The array itself: what an activation costs however many rows are driven.

    Attributes:
        rows: Physical rows.
        columns: Physical columns.
        rows_used: Rows that hold weights.
        columns_used: Logical columns that hold weights; each is `weight_slices` physical ones.
        weight_slices: Cells of one weight.
        input_slices: Pulses of one step.
        cell_bits: Bits of one cell.
        joined_arrays: Arrays whose bit lines are joined, so that their currents add.
        resolution: Bits of the converter, to whose half step the sum settles.
        line_columns: Cells along the driven word line, where it runs on through further arrays;
            None for the columns of this one.
    """

    stage = "settle"

    rows: int
    columns: int
    rows_used: int
    columns_used: int
    weight_slices: int = 1
    input_slices: int = 1
    cell_bits: int = field(default=1, metadata=within(1, 8))
    joined_arrays: int = 1
    resolution: int = field(default=8, metadata=within(1, 16))
    line_columns: int | None = None

    @property
    def activation_energy(self) -> Any:
        """Energy [J] of one step that does not depend on the columns used."""
        pulse = array.activation_energy(self.rows, self.columns, self.joined_arrays, self.circuit)
        return self.input_slices * pulse + array.decode_energy(self.rows, self.circuit)

    @property
    def column_energy(self) -> Any:
        """Energy [J] of one physical column in one step."""
        parts = array.column_parts(self.rows, self.conduction_seconds, self.circuit)
        return self.input_slices * sum(parts.values())

    @property
    def parts(self) -> Mapping[str, Any]:
        """Energies [J] of a pulse: one physical column's, and what the whole array takes."""
        column = array.column_parts(self.rows, self.conduction_seconds, self.circuit)
        joined = self.joined_arrays
        multiplexer = array.multiplexer_energy(self.rows * joined, self.columns, self.circuit)
        whole = array.activation_energy(self.rows, self.columns, joined, self.circuit)
        return {
            "column": sum(column.values()) + multiplexer / self.columns / joined,
            **{f"column {name}": energy for name, energy in column.items()},
            "column multiplexer": multiplexer / self.columns / joined,
            "control": whole - multiplexer / joined,
        }

    @property
    def conduction_seconds(self) -> Any:
        """Time [s] that cells conduct in one pulse: while rows are driven and then read."""
        return array.drive_seconds(self.line_columns or self.columns, self.circuit) + self.latency

    @property
    def line_drop(self) -> Any:
        """Share of the read voltage that bit line and pass gate take, mean input and weight."""
        joined = self.joined_arrays
        return array.line_drop(self.rows * joined, self.rows_used * joined, self.circuit)

    def action_energy(self, action: str) -> Any:
        """Return the energy [J]: an update is one logical column's share of one step."""
        if action != "update":
            return self.idle(action)
        return self.activation_energy / self.columns_used + self.weight_slices * self.column_energy

    @property
    def area(self) -> Any:
        """Area [m^2] of cells (used or not), decoder, multiplexer, sampling and control."""
        return array.array_area(self.rows, self.columns, self.circuit)

    @property
    def leaking_area(self) -> Any:
        """Area [m^2] of decoder, multiplexer and control; cells are not powered when idle."""
        feature = self.circuit.technology_node_m
        pitch2 = self.circuit.cell_width_features * self.circuit.cell_height_features * feature**2
        return self.area - self.rows * self.columns * pitch2

    @property
    def latency(self) -> Any:
        """Time [s] of one pulse once its rows are driven: the pulse, or longer to settle."""
        joined = self.joined_arrays
        return array.read_seconds(
            self.rows * joined, self.rows_used * joined, self.resolution, self.circuit
        )


@dataclass(frozen=True)
class RowDriver(Component):
    """The drivers of all rows of one crossbar.

    Attributes:
        rows: Physical rows.
        columns: Physical columns, the load of a row.
        input_slices: Pulses of one step.
        dac_bits: Bits of one pulse.
        real_share: Share of the values that are real; the others are inserted zeros, which are
            latched like any value but raise no pulse.
        line_columns: Cells along the driven word line, where it runs on through further arrays;
            None for the columns of this one. The driver is sized for them all.
        line_share: Share of such a line and its driver that is this array's, where the others have
            the rest.
    """

    stage = "drive"

    rows: int
    columns: int
    input_slices: int = 1
    dac_bits: int = field(default=1, metadata=within(1, 8))
    real_share: float = field(default=1.0, metadata=within(0, 1))
    line_columns: int | None = None
    line_share: float = field(default=1.0, metadata=within(0, 1))

    @property
    def load(self) -> int:
        """Cells that one row drives."""
        return self.line_columns or self.columns

    def action_energy(self, action: str) -> Any:
        """Return the energy [J]: a read presents one value to one row, over all pulses."""
        if action != "read":
            return self.idle(action)
        select = array.row_select_energy(self.circuit)
        drive = array.row_parts(self.load, self.dac_bits, self.circuit)
        pulse = select + self.real_share * sum(drive.values())
        return self.input_slices * pulse * self.line_share

    @property
    def parts(self) -> Mapping[str, Any]:
        """Energies [J] of a pulse on one row, the whole line of it, mean input."""
        drive = array.row_parts(self.load, self.dac_bits, self.circuit)
        latch = array.row_select_energy(self.circuit)
        row = {f"row {name}": energy for name, energy in drive.items()}
        return {"row": latch + sum(drive.values()), "row latch": latch, **row}

    @property
    def area(self) -> Any:
        """Area [m^2] of the drivers of all rows."""
        return self.rows * self.line_share * array.row_area(self.load, self.dac_bits, self.circuit)

    @property
    def latency(self) -> Any:
        """Time [s] until the last gate of a row has switched."""
        return array.drive_seconds(self.load, self.circuit)


@dataclass(frozen=True)
class ReramCell(Component):
    """The cells of one weight.

    Their area is counted in `ReramArray`, where unused cells count too.

    Attributes:
        weight_slices: Cells of one weight.
        input_slices: Pulses of one step.
        cell_bits: Bits of one cell.
        dac_bits: Bits of one pulse.
        real_share: Share of the inputs that are real; at an inserted zero no cell conducts.
        rows: Physical rows of the crossbar; None when unknown: cells conduct for the read pulse,
            though a long line may need longer to settle.
        columns: Physical columns of it.
        rows_used: Rows that hold weights; None for all.
        joined_arrays: Arrays whose bit lines are joined.
        resolution: Bits of the converter.
        line_columns: Cells along the driven word line; None for `columns`.
    """

    stage = "settle"

    weight_slices: int = 1
    input_slices: int = 1
    cell_bits: int = field(default=1, metadata=within(1, 8))
    dac_bits: int = field(default=1, metadata=within(1, 8))
    real_share: float = field(default=1.0, metadata=within(0, 1))
    rows: int | None = None
    columns: int = 1
    rows_used: int | None = None
    joined_arrays: int = 1
    resolution: int = field(default=8, metadata=within(1, 16))
    line_columns: int | None = None

    @property
    def conduction_seconds(self) -> Any:
        """Time [s] that cells conduct in one pulse."""
        if self.rows is None:
            return self.circuit.read_pulse_s
        joined, used = self.joined_arrays, self.rows_used or self.rows
        drive = array.drive_seconds(self.line_columns or self.columns, self.circuit)
        return drive + array.read_seconds(
            self.rows * joined, used * joined, self.resolution, self.circuit
        )

    @property
    def line_drop(self) -> Any:
        """Share of the read voltage that bit line and pass gate take; 0 with `rows` unknown."""
        if self.rows is None:
            return 0.0
        joined, used = self.joined_arrays, self.rows_used or self.rows
        return array.line_drop(self.rows * joined, used * joined, self.circuit)

    @property
    def parts(self) -> Mapping[str, Any]:
        """Energy [J] of a pulse on one cell, mean input and weight."""
        pulse = array.cell_energy(self.conduction_seconds, self.circuit, self.line_drop)
        return {"cell": pulse}

    def action_energy(self, action: str) -> Any:
        """Return the energy [J]: a read is one input value by one weight, a write programs it."""
        if action == "read":
            pulses = self.weight_slices * self.input_slices * self.real_share
            return pulses * self.parts["cell"]
        if action == "write":
            return self.weight_slices * array.cell_write_energy(self.circuit)
        return self.idle(action)


@dataclass(frozen=True)
class ReramMac(Component):
    """The multiply-accumulate that the cells do by themselves: no energy, no area of its own."""

    stage = "compute"

    actions = ("compute", "leak")
