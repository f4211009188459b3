"""What a network may use of a chip: chips, crossbars, area or power; and what that comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from red_timeloop.chip.allocation import PlacedLimit
from red_timeloop.chip.busiest import BusiestWire
from red_timeloop.chip.chips import Chip
from red_timeloop.chip.placement import Placement, place
from red_timeloop.chip.stage import Chain, Stage

__all__ = ["Budget", "Site"]


@dataclass(frozen=True)
class Budget:
    """A limit that all designs share.

    Attributes:
        kind: What is limited.
        amount: How much there is: a number of `chips` or `crossbars`, m^2 of `area`, W of `power`.
    """

    kind: Literal["chips", "crossbars", "area", "power"]
    amount: float

    def as_dict(self) -> dict[str, Any]:
        """Return the budget in the keys of the JSON output."""
        unit = {"area": "_m2", "power": "_W"}.get(self.kind, "")
        return {f"{self.kind}{unit}": self.amount}


@dataclass(frozen=True)
class Site:
    """A chip as a design builds it for a network: what crossbars, tiles and chips cost.

    Crossbars are alike all over the chip: each has the area and the leakage that the network's
    crossbars have in the mean, at one copy of each layer.

    Attributes:
        chip: The chip.
        stages: The network's layers on the design.
    """

    chip: Chip
    stages: tuple[Stage, ...]

    @cached_property
    def chain(self) -> Chain:
        """The stages as arrays."""
        return Chain.of(self.stages)

    @cached_property
    def needed(self) -> int:
        """Crossbars of one copy of each layer."""
        return sum(stage.repeat * stage.crossbars for stage in self.stages)

    @cached_property
    def crossbar_area(self) -> float:
        """Area in m^2 of a crossbar with what reads it."""
        return self.chip.area("crossbar") + self.own_area

    @cached_property
    def own_area(self) -> float:
        """Area in m^2 of what a crossbar of the design has and the chip's file has not."""
        own = sum(stage.repeat * stage.area for stage in self.stages)
        return own / self.needed if self.needed else 0.0

    @cached_property
    def crossbar_leakage(self) -> float:
        """Power in W that leaks from a crossbar with what reads it."""
        own = sum(stage.repeat * stage.leakage for stage in self.stages)
        always = self.chip.power("always", place="crossbar")
        return always + (own / self.needed if self.needed else 0.0)

    def used(self, copies: Sequence[int]) -> int:
        """Return the crossbars that so many copies of each stage take."""
        pairs = zip(self.stages, copies, strict=True)
        return sum(stage.repeat * stage.crossbars * count for stage, count in pairs)

    def tiles(self, budget: Budget) -> int | None:
        """Return the tiles that a budget buys; None where it does not limit them.

        A chip's own parts (links) are paid with its first tile.
        """
        chip = self.chip
        if budget.kind == "chips":
            return int(budget.amount) * chip.tiles
        if budget.kind == "crossbars":
            return chip.tiles_of(budget.amount)
        if budget.kind == "power":
            return None
        tile = self.area(1, 0)
        whole = self.area(chip.tiles, 1)
        chips, slack = divmod(budget.amount * (1 + 1e-12), whole)
        more = int((slack - chip.area("chip")) // tile) if slack > chip.area("chip") else 0
        return int(chips) * chip.tiles + more

    def chips(self, tiles: int) -> int:
        """Return the chips that hold so many tiles."""
        return -(-tiles // self.chip.tiles)

    def area(self, tiles: int, chips: int) -> float:
        """Return the area in m^2 of tiles and chips."""
        crossbars = tiles * self.chip.crossbars_per_tile * self.crossbar_area
        return crossbars + tiles * self.chip.area("tile") + chips * self.chip.area("chip")

    def static_power(self, tiles: int) -> float:
        """Return the power in W of so many tiles that rest, and of the chips that they are on.

        What copies share (the eDRAM) is in every tile, and leaks there as the layers' do in the
        mean.
        """
        chip, layers = self.chip, sum(stage.repeat for stage in self.stages)
        shared = sum(stage.repeat * stage.shared_leakage for stage in self.stages) / layers
        crossbars = chip.crossbars_per_tile * self.crossbar_leakage
        tile = crossbars + shared + chip.power("always", place="tile")
        return tiles * tile + self.chips(tiles) * chip.power("always", place="chip")

    @cached_property
    def energy_by_part(self) -> dict[str, float]:
        """Energy in J of an image but for what is drawn at rest, and by hops between tiles.

        Copies do not change it.
        """
        sums: dict[str, float] = {}
        busy = self.chip.power("busy", place="tile") / self.chip.crossbars_per_tile
        for stage in self.stages:
            reached = max(1.0, stage.crossbars / self.chip.crossbars_per_tile)
            words = stage.input_bits * reached + stage.output_bits
            own = {
                **stage.energy_by_stage,
                "bus": words * self.chip.energy_per_bit("traffic"),
                "tile": busy * stage.crossbars * stage.time(1),
            }
            for key, energy in own.items():
                sums[key] = sums.get(key, 0.0) + stage.repeat * energy
        return sums

    @property
    def link_time(self) -> float:
        """Least time in s between images for which the links to and from the host allow."""
        bits = max(self.stages[0].input_bits, self.stages[-1].output_bits)
        return bits / self.chip.link_bits_per_s

    def port_times(self, copies: Sequence[int]) -> list[float]:
        """Return, for each stage of the chain, the s that its tile's port works for an image."""
        found: list[float] = self._port_times(np.array([copies]))[0].tolist()
        return found

    def _port_times(self, copies: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return these for many copies, those of one allocation in a row.

        Stages fill tiles in the order of the chain. Those smaller than a tile share its port; the
        larger ones spread their words over the ports of theirs.
        """
        per_tile, words = self.chip.crossbars_per_tile, self.chain.words
        size = self.chain.sizes(copies)
        tile = (np.cumsum(size, axis=1) - size) // per_tile
        small = size < per_tile
        # a tile of a row that has another number than the one before is another one
        port = np.cumsum(np.diff(tile, axis=1, prepend=-1) != 0).reshape(size.shape)
        shared = np.bincount(port.ravel(), np.where(small, words, 0).ravel())[port]
        bits = np.where(small, shared, words * float(per_tile) / np.maximum(1, size))
        return np.asarray(bits / self.chip.port_bits_per_s, dtype=np.float64)

    def cut_time(self, copies: Sequence[int]) -> float:
        """Return the least time in s between images that the links between chips allow."""
        return float(self._cut_times(np.array([copies]))[0])

    def _cut_times(self, copies: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return these for many copies, those of one allocation in a row.

        Stages fill chips in the order of the chain. A cut inside a stage's crossbars carries its
        inputs and its outputs, one between stages what passes there.
        """
        most, stages = self.chip.crossbars, self.stages
        sizes = copies * np.array([stage.repeat * stage.crossbars for stage in stages])
        end = np.cumsum(sizes, axis=1)
        inside = (end - 1) // most > (end - sizes) // most  # a cut before its last crossbar
        behind = (end % most == 0) & (sizes > 0)
        carried = np.where(
            inside,
            np.array([stage.words for stage in stages]),
            np.where(behind, np.array([stage.output_bits for stage in stages]), 0),
        )
        return np.asarray(carried.max(axis=1) / self.chip.link_bits_per_s, dtype=np.float64)

    def near_times(self, copies: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the least times in s between images that ports and links between chips allow.

        Of many copies, those of one allocation in a row.
        """
        ports = self._port_times(copies).max(axis=1)
        return np.asarray(np.maximum(self._cut_times(copies), ports), dtype=np.float64)

    def placed(self, copies: Sequence[int]) -> Placement:
        """Return where so many copies of each stage lie, and what passes between tiles."""
        return place(self.chip, self.stages, copies)

    def mesh_limit(self) -> PlacedLimit:
        """Return the limit of the wires between routers, for one `copies` after another."""
        busiest, rate = BusiestWire(self.chip, self.stages), self.chip.hop_bits_per_s
        return lambda copies, most: busiest(copies, most * rate) / rate

    def mesh_times(self, placement: Placement) -> list[float]:
        """Return, for each stage of the chain, the s that the busiest wire on its ways works."""
        return [bits / self.chip.hop_bits_per_s for bits in placement.traffic.busiest]

    def hop_energy(self, placement: Placement) -> float:
        """Return the energy in J of an image's words in routers and the wires between them."""
        return placement.traffic.bit_routers * self.chip.energy_per_bit("hops")
