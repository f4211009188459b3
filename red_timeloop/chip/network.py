"""A network on a chip within a budget: the best allocation, its rate, latency and power."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from red_timeloop.chip.allocation import Allocation, Limit, Turn, fastest, turns, within
from red_timeloop.chip.budget import Budget, Site
from red_timeloop.chip.pipeline import Flow, flow, row_count
from red_timeloop.chip.placement import Placement
from red_timeloop.chip.stage import Stage
from red_timeloop.errors import InputError
from red_timeloop.units import scaled

__all__ = ["Schedule", "needs", "schedule"]


@dataclass(frozen=True)
class Schedule:
    """A network at work on a chip.

    Attributes:
        site: The chip as the design builds it.
        budget: What the network may use.
        copies: Copies of each stage.
        period: Time in s from image to image.
        bottleneck: What the period is due to: a layer, `link`, `port`, `mesh` (a wire between
            routers), `power` or `programming`.
        tiles: Tiles that there are.
        flow: One image alone.
        placements: Where the stages of each turn lie.
        turns: Turns in which layers are programmed; one where all weights stay.
        batch: Images that pass before the next turn is programmed.
        programming_energy: Energy in J an image of that.
    """

    site: Site
    budget: Budget
    copies: tuple[int, ...]
    period: float
    bottleneck: str
    tiles: int
    flow: Flow
    placements: tuple[Placement, ...]
    turns: int = 1
    batch: int = 1
    programming_energy: float = 0.0

    @property
    def used(self) -> int:
        """Crossbars that hold weights, at most at any time."""
        most: float = self.tiles * self.site.chip.crossbars_per_tile
        if self.budget.kind == "crossbars":
            most = min(most, self.budget.amount)
        return int(min(most, self.site.used(self.copies)))

    @property
    def line_buffers(self) -> dict[str, int]:
        """Bits that the line buffers of each stage hold; none where layers run in turn."""
        rows = iter(self.flow.buffers)
        before: Stage | None = None
        found: dict[str, int] = {}
        for stage in self.site.stages if self.flow.buffers else ():
            for _ in range(stage.repeat):
                whole = row_count(before) if before else stage.layer.input_size[0]
                bits = -(-stage.input_bits * next(rows) // whole)
                found[stage.name] = found.get(stage.name, 0) + bits
                before = stage
        return found

    @property
    def spans(self) -> list[tuple[int, float, float]]:
        """The work of each layer of the chain on one image alone: number of its stage, and from
        when to when in s. Empty where layers run in turn.
        """
        if not self.flow.spans:
            return []
        chain = (number for number, _ in _chain(self.site.stages))
        return [(n, *span) for n, span in zip(chain, self.flow.spans, strict=True)]

    @property
    def hop_energy(self) -> float:
        """Energy in J of an image's words between tiles."""
        return sum(self.site.hop_energy(each) for each in self.placements)

    @property
    def energy(self) -> float:
        """Energy in J of an image: work, programming, and the power at rest over the period."""
        work = sum(self.site.energy_by_part.values()) + self.hop_energy + self.programming_energy
        return work + self.site.static_power(self.tiles) * self.period


def needs(site: Site) -> str:
    """Return, in words, the smallest budgets that hold one copy of each layer."""
    tiles = site.chip.tiles_of(site.needed)
    chips = site.chips(tiles)
    millimetres = math.ceil(site.area(tiles, chips) * 1e8) / 100  # rounded up, so that it does
    return f"{site.needed} crossbars, {chips} chip{'s' * (chips > 1)}, {millimetres} mm2 or more"


def schedule(site: Site, budget: Budget, reprogram: int | None = None) -> Schedule:
    """Return the schedule of most images a second within the budget.

    Args:
        site: The network's layers on the chip.
        budget: What they may use.
        reprogram: Where one copy of each layer does not fit: program layers in turn, after so many
            images each; None: that is an error.

    Raises:
        InputError: It does not fit; says what is missing.
    """
    if not site.needed:
        raise InputError("no layer of the network holds weights", key="workload")
    if budget.kind == "power":
        return _within_power(site, budget)
    tiles = site.tiles(budget)
    assert tiles is not None
    crossbars = tiles * site.chip.crossbars_per_tile
    if budget.kind == "crossbars":
        crossbars = int(budget.amount)
    if site.needed > crossbars:
        if reprogram is None or not crossbars:
            raise InputError(
                f"one copy of the weights takes {site.needed} crossbars, the budget has "
                f"{crossbars}",
                key=budget.kind,
                legal=needs(site) + (", or --reprogram" if crossbars else ""),
            )
        return _in_turn(site, budget, tiles, crossbars, reprogram)
    found = []
    for most in dict.fromkeys((min(crossbars, site.chip.crossbars), crossbars)):
        limit = within(site.stages, most, site.link_time)
        best = fastest(site.stages, limit, site.near_times, site.mesh_limit())
        found.append(_finished(site, budget, best, tiles))
    return _best(found)


def _best(found: Sequence[Schedule | None]) -> Schedule:
    return min((each for each in found if each), key=lambda each: (each.period, each.energy))


def _within_power(site: Site, budget: Budget) -> Schedule:
    """Return the fastest schedule whose power is within the budget, on as many tiles as it takes.

    Power is that of the tiles at rest, and the energy of an image each period.
    """
    energy = sum(site.energy_by_part.values())

    def least(copies: tuple[int, ...], energy: float) -> float:
        left = budget.amount - site.static_power(site.chip.tiles_of(site.used(copies)))
        return max(site.link_time, energy / left) if left > 0 else math.inf

    def limit(copies: tuple[int, ...]) -> float:
        return least(copies, energy)

    mesh = site.mesh_limit()

    def placed(copies: tuple[int, ...], most: float) -> float:
        period = mesh(copies, most)
        if period > most:
            return period
        return max(period, least(copies, energy + site.hop_energy(site.placed(copies))))

    one_chip = within(site.stages, site.chip.crossbars)
    limits: list[Limit] = [lambda copies: max(limit(copies), one_chip(copies)), limit]
    found = [
        _finished(site, budget, fastest(site.stages, each, site.near_times, placed))
        for each in limits
    ]
    if not any(found):
        least_power = scaled(site.static_power(site.chip.tiles_of(site.needed)), "W")
        raise InputError(
            f"one copy of the weights takes {site.needed} crossbars, whose tiles and links take "
            f"{least_power} at rest",
            key="power",
            legal=f"more than {least_power}",
        )
    return _best(found)


def _finished(
    site: Site, budget: Budget, found: Allocation | None, tiles: int | None = None
) -> Schedule | None:
    """Return the schedule of an allocation.

    Chips and crossbars are there, used or not; an area or a power is what tiles are built within,
    and no tile is built that holds no weights.
    """
    if found is None:
        return None
    if tiles is None or budget.kind == "area":
        tiles = site.chip.tiles_of(site.used(found.copies))
    times = [stage.time(n) for stage, n in zip(site.stages, found.copies, strict=True)]
    bottleneck = site.stages[times.index(max(times))].name
    placement = site.placed(found.copies)
    if found.period > max(times) * (1 + 1e-9):
        limits = {
            "link": max(site.link_time, site.cut_time(found.copies)),
            "port": max(site.port_times(found.copies)),
            "mesh": max(site.mesh_times(placement)),
        }
        bottleneck = max(limits, key=lambda name: limits[name])
        if found.period > limits[bottleneck] * (1 + 1e-9):
            bottleneck = "power"
    return Schedule(
        site,
        budget,
        found.copies,
        found.period,
        bottleneck,
        tiles,
        flow(site, found.copies, found.period, placement),
        (placement,),
    )


def _chain(stages: Sequence[Stage]) -> Iterator[tuple[int, Stage]]:
    """Yield every stage as often as it is repeated, with its index."""
    for index, stage in enumerate(stages):
        for _ in range(stage.repeat):
            yield index, replace(stage, repeat=1)


def _in_turn(site: Site, budget: Budget, tiles: int, crossbars: int, batch: int) -> Schedule:
    """Return the schedule of turns, each programmed once for `batch` images.

    A turn takes the programming, all of its crossbars at the same time, and then an image each
    period of its slowest stage; what it reads and writes passes the links, for the maps of a batch
    wait outside. A layer larger than all crossbars takes several turns by itself. Where turns begin
    is best but for the wires between routers, whose time counts when it is known.
    """
    index = [number for number, _ in _chain(site.stages)]
    chain = [stage for _, stage in _chain(site.stages)]
    link = site.chip.link_bits_per_s

    def programming(first: int, end: int) -> float:
        return max(stage.programming_time for stage in chain[first:end])

    def cost(
        first: int, end: int, found: Allocation, share: float, placement: Placement | None = None
    ) -> float:
        bits = max(chain[first].input_bits, chain[end - 1].output_bits)
        times = Site(site.chip, tuple(chain[first:end])).port_times(found.copies)
        times += site.mesh_times(placement) if placement else []
        once = programming(first, end) / batch + max(found.period, bits / link, *times)
        return math.ceil(1 / share) * once

    path = turns(chain, crossbars, cost)
    ends = [*(turn.first for turn in path[1:]), len(chain)]
    pairs: list[tuple[Turn, int]] = list(zip(path, ends, strict=True))
    placements = tuple(
        Site(site.chip, tuple(chain[turn.first : end])).placed(turn.allocation.copies)
        for turn, end in pairs
    )
    period = sum(
        cost(turn.first, end, turn.allocation, turn.share, placement)
        for (turn, end), placement in zip(pairs, placements, strict=True)
    )
    written = sum(programming(t.first, end) * math.ceil(1 / t.share) for t, end in pairs) / batch
    copies = [count for turn in path for count in turn.allocation.copies]
    energy = sum(
        stage.programming_energy * count for stage, count in zip(chain, copies, strict=True)
    )
    least = [min(c for i, c in zip(index, copies, strict=True) if i == k) for k in set(index)]
    slowest = max(range(len(chain)), key=lambda i: chain[i].time(copies[i]))
    return Schedule(
        site,
        budget,
        tuple(least),
        period,
        "programming" if 2 * written > period else chain[slowest].name,
        tiles,
        Flow(batch * period, batch * period, 0.0, (), ()),
        placements,
        turns=sum(math.ceil(1 / turn.share) for turn in path),
        batch=batch,
        programming_energy=energy / batch,
    )
