"""A chip: tiles of crossbars, what a tile has beside them, and links; read from YAML.

A shipped chip is a file of `arch/chips`; a user's own is a file with the same keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from red_timeloop import _yaml, resources
from red_timeloop.errors import InputError, meant, shown
from red_timeloop.spec import fields
from red_timeloop.spec.loader import YamlMap

__all__ = ["COUNTS", "RATES", "Chip", "ChipPart", "chip_names", "load_chip"]

Place = Literal["crossbar", "tile", "chip"]
Drawn = Literal["by_design", "busy", "traffic", "hops", "always"]

_FOLDER = "arch/chips"
_TEXTS = ("name", "description")
COUNTS = ("tiles", "crossbars_per_tile", "tiles_per_router", "mesh_columns", "edram_bits")
RATES = ("port_bits_per_s", "hop_bits_per_s", "link_bits_per_s")
_UNITS = ("m2", "W", "J", "bits_per_s")
_PER_BIT = ("traffic", "hops")  # drawn with the bits that pass
_PART_KEYS = (
    *("name", "in", "count", "area_m2", "power_W", "drawn", "energy_per_bit_J"),
    *("stands_for", "source", "confirmed"),
)
_MOST_PARTS = 1000
_MOST_ROUTERS = 100_000  # of a mesh, whose wires are summed one by one
_MOST_CROSSBARS = 10**9  # of a chip


@dataclass(frozen=True)
class ChipPart:
    """Something that every crossbar, tile or chip has.

    Attributes:
        name: Its name in breakdowns.
        place: What there is one set of it in.
        count: How many there are in it; a share where several share one.
        area: Area in m^2 of one.
        power: Power in W of one at full work.
        drawn: When it takes that: `by_design`: the designs' component models price it; `busy`:
            while its tile computes; `traffic`: with the bits that pass a tile's bus; `hops`: with
            those that pass a router and its wires; `always`.
        energy_per_bit: Energy in J of a bit that passes; 0 unless drawn with traffic or hops.
        stands_for: Levels of the designs' architectures whose area it replaces.
        source: Where the numbers are from.
        confirmed: Whether the source, or one that repeats it, was read.
    """

    name: str
    place: Place
    count: float
    area: float
    power: float
    drawn: Drawn
    energy_per_bit: float
    stands_for: tuple[str, ...]
    source: str
    confirmed: bool


@dataclass(frozen=True)
class Chip:
    """A chip of equal tiles.

    Attributes:
        name: Its name.
        description: What it is, in one line.
        tiles: Tiles of a chip.
        crossbars_per_tile: Physical crossbars of a tile.
        tiles_per_router: Tiles that share a router of the mesh.
        mesh_columns: Routers in a row of the mesh.
        edram_bits: Capacity of a tile's eDRAM.
        port_bits_per_s: Rate of a tile's port to the network on chip.
        hop_bits_per_s: Rate of the wires from one router to the next, a direction.
        link_bits_per_s: Rate of one link to another chip or to the host, a direction.
        parts: What it consists of beside what the designs' components model.

    >>> load_chip("isaac").crossbars
    16128
    """

    name: str
    description: str
    tiles: int
    crossbars_per_tile: int
    tiles_per_router: int
    mesh_columns: int
    edram_bits: int
    port_bits_per_s: float
    hop_bits_per_s: float
    link_bits_per_s: float
    parts: tuple[ChipPart, ...]

    def __post_init__(self) -> None:
        """Refuse a chip that is larger than its traffic can be counted on.

        Raises:
            InputError: There are too many routers or crossbars.
        """
        if self.mesh_rows * self.mesh_columns > _MOST_ROUTERS:
            rows, columns = self.mesh_rows, self.mesh_columns
            message = f"a mesh of {rows} by {columns} routers"
            raise InputError(message, key="mesh_columns", legal=f"{_MOST_ROUTERS} routers at most")
        if self.crossbars > _MOST_CROSSBARS:
            message = f"a chip of {self.crossbars:.3g} crossbars"
            raise InputError(message, key="tiles", legal=f"{_MOST_CROSSBARS} crossbars at most")

    @property
    def crossbars(self) -> int:
        """Crossbars of one chip."""
        return self.tiles * self.crossbars_per_tile

    @property
    def mesh_rows(self) -> int:
        """Rows of routers."""
        return -(-self.tiles // (self.tiles_per_router * self.mesh_columns))

    @property
    def replaced(self) -> frozenset[str]:
        """Levels of the designs' architectures whose area the parts replace."""
        return frozenset(level for part in self.parts for level in part.stands_for)

    def tiles_of(self, crossbars: float) -> int:
        """Return the tiles that hold so many crossbars."""
        return -int(-crossbars // self.crossbars_per_tile)

    def at(self, *places: Place) -> tuple[ChipPart, ...]:
        """Return the parts of one crossbar, tile or chip."""
        return tuple(part for part in self.parts if part.place in places)

    def area(self, place: Place) -> float:
        """Return the area in m^2 of the parts of one crossbar, tile or chip."""
        return sum(part.count * part.area for part in self.at(place))

    def power(self, *drawn: Drawn, place: Place) -> float:
        """Return the power in W at full work of such parts of one crossbar, tile or chip."""
        return sum(p.count * p.power for p in self.at(place) if not drawn or p.drawn in drawn)

    def whole(self, per_crossbar: float, per_tile: float, per_chip: float) -> float:
        """Return the sum over the chip of what one crossbar, one tile and one chip add."""
        return self.crossbars * per_crossbar + self.tiles * per_tile + per_chip

    @property
    def rated_power(self) -> float:
        """Power in W of the chip with every part at full work all of the time, idle or not.

        So papers sum it; what a network takes is less, by what its work does not use.
        """
        return self.whole(
            self.power(place="crossbar"), self.power(place="tile"), self.power(place="chip")
        )

    def energy_per_bit(self, drawn: Drawn) -> float:
        """Return the energy in J of a bit that passes such parts: a bus, or a router."""
        return sum(part.energy_per_bit for part in self.parts if part.drawn == drawn)


def chip_names() -> list[str]:
    """Return the names of the chips that come with the package."""
    return resources.names(_FOLDER)


def load_chip(name_or_path: str | Path) -> Chip:
    """Read a chip by its shipped name or from a YAML file.

    Raises:
        InputError: There is no such chip, or a key or value of it is not legal; names the file, the
            line, the key and what is legal there.
    """
    text = str(name_or_path)
    shipped = chip_names()
    path = resources.path(f"{_FOLDER}/{text}.yaml") if text in shipped else Path(text)
    if text not in shipped and path.suffix not in (".yaml", ".yml"):
        raise InputError(
            f"no chip {shown(text)}{meant(text, shipped)}",
            key="chip",
            legal=[*shipped, "or the path of a YAML file"],
        )
    content = _yaml.load(path)
    if not isinstance(content, YamlMap):
        raise InputError("a chip is a mapping of keys to values", file=path)
    legal = (*_TEXTS, *COUNTS, *RATES, "parts")
    _check_keys(content, legal, "")
    _require(content, (*COUNTS, *RATES, "parts"), "")
    entries = fields.sequence(content, "parts", "")
    fields.check_count(entries, _MOST_PARTS, content, "parts", "")
    parts = tuple(_part(entry, content, number) for number, entry in enumerate(entries))
    names = [part.name for part in parts]
    for name in names:
        if names.count(name) > 1:
            raise fields.error(f"two parts are called {name!r}", content, "parts")
    counts: dict[str, Any] = {key: _count(content, key) for key in COUNTS}
    rates: dict[str, Any] = {key: _positive(content, key, "") for key in RATES}
    name = fields.text(content, "name", "", default=path.stem)
    description = fields.text(content, "description", "", default="")
    try:
        return Chip(name=name, description=description, **counts, **rates, parts=parts)
    except InputError as error:
        raise error.located(file=path) from None


def _part(entry: Any, content: YamlMap, number: int) -> ChipPart:
    path = f"parts[{number}]"
    if not isinstance(entry, YamlMap):
        raise fields.error(f"{path} is no mapping", content, "parts", legal=_PART_KEYS)
    _check_keys(entry, _PART_KEYS, path)
    _require(entry, ("name", "in", "count", "area_m2", "power_W", "drawn", "source"), path)
    place, drawn = _choice(entry, "in", path, Place), _choice(entry, "drawn", path, Drawn)
    per_bit = _number(entry, "energy_per_bit_J", path) if "energy_per_bit_J" in entry else 0.0
    if (drawn in _PER_BIT) != ("energy_per_bit_J" in entry):
        legal = "with drawn: traffic, or hops"
        raise fields.error(f"drawn: {drawn}", entry, "energy_per_bit_J", path=path, legal=legal)
    levels = fields.sequence(entry, "stands_for", path)
    if not all(isinstance(level, str) for level in levels):
        raise fields.error("not a list of levels", entry, "stands_for", path=path)
    return ChipPart(
        name=fields.text(entry, "name", path),
        place=place,
        count=_positive(entry, "count", path),
        area=_number(entry, "area_m2", path),
        power=_number(entry, "power_W", path),
        drawn=drawn,
        energy_per_bit=per_bit,
        stands_for=tuple(map(str, levels)),
        source=fields.text(entry, "source", path),
        confirmed=fields.boolean(entry, "confirmed", path, default=False),
    )


def _check_keys(section: YamlMap, legal: Iterable[str], path: str) -> None:
    for key in section:
        if key not in legal:
            message = f"unknown key{meant(key, legal)}"
            raise fields.error(message, section, key, path=path, legal=legal)


def _require(section: YamlMap, keys: Iterable[str], path: str) -> None:
    for key in keys:
        if section.get(key) is None:
            raise fields.error(f"the key {key!r} is missing", section, path=path)


def _choice(section: YamlMap, key: str, path: str, choices: Any) -> Any:
    given, legal = section[key], get_args(choices)
    if given not in legal:
        raise _refused(section, key, path, legal)
    return str(given)


def _number(section: YamlMap, key: str, path: str) -> float:
    unit = next((f" of {unit}, without the unit" for unit in _UNITS if key.endswith(unit)), "")
    try:
        return float(fields.number(section, key, path))
    except InputError:  # which may list all that an expression can hold
        raise _refused(section, key, path, f"a number{unit}, 0 or more") from None


def _count(section: YamlMap, key: str) -> int:
    try:
        return fields.integer(section, key, "", least=1)
    except InputError:
        raise _refused(section, key, "", "a whole number, 1 or more") from None


def _refused(section: YamlMap, key: str, path: str, legal: Any) -> InputError:
    return fields.error(f"got {shown(section[key])}", section, key, path=path, legal=legal)


def _positive(section: YamlMap, key: str, path: str) -> float:
    value = _number(section, key, path)
    if value <= 0:
        raise fields.error(f"got {value:g}", section, key, path=path, legal="more than 0")
    return value
