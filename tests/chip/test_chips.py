"""Chips: the shipped files against the published chip, and what a wrong file is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from red_timeloop.chip.chips import Chip, chip_names, load_chip
from red_timeloop.chip.run import on_chip
from red_timeloop.errors import InputError
from red_timeloop.layer import Conv
from red_timeloop.workload import Workload, WorkloadLayer

MIB = 2**20


def _area(chip: Chip) -> float:
    return chip.whole(chip.area("crossbar"), chip.area("tile"), chip.area("chip"))


def test_the_parts_of_isaac_add_up_to_the_published_chip() -> None:
    chip = load_chip("isaac")
    assert _area(chip) == pytest.approx(85.4e-6, rel=0.01, abs=0)  # ISCA 2016, table 6
    # The paper's power is a sum of rated ones: 12 units of 24.08 mW and 40.9 mW a tile, and links.
    assert chip.rated_power == pytest.approx(65.8, rel=0.01)
    unit = 8 * chip.power(place="crossbar")
    assert unit == pytest.approx(24.08e-3, rel=0.01)
    assert chip.power(place="tile") == pytest.approx(40.9e-3, rel=0.01)
    assert chip.rated_power == pytest.approx(168 * (12 * unit + chip.power(place="tile")) + 10.4)


def test_isaac_at_full_work_has_its_published_efficiencies() -> None:
    # 128 layers of 9 x 14 full crossbars each, 16 bits as in the paper: all 16 128 at work.
    layer = Conv(1152, 224, (32, 32), 1, input_bits=16, weight_bits=16, name="full")
    network = Workload("full", "", (WorkloadLayer(layer, "", repeat=128),))
    chip = load_chip("isaac")
    found = on_chip(network, ["zero_padding"], "embedded", chip=chip).results[0]
    assert (found.crossbars_used, found.chips) == (16128, 1)
    assert found.ops == pytest.approx(found.peak_ops, rel=0.01)
    area, power = _area(chip), chip.rated_power
    # computational efficiency 478.95 GOPS/mm^2, on the file's area and on the design's
    assert found.peak_ops / (area * 1e6) == pytest.approx(478.95e9, rel=0.02)
    assert found.ops / (found.area * 1e6) == pytest.approx(478.95e9, rel=0.1)
    # storage efficiency 0.74 MB/mm^2
    bits = chip.crossbars * 128 * 128 * 2
    assert bits / 8 / MIB / (area * 1e6) == pytest.approx(0.74, rel=0.02)
    # Power efficiency 627.5 GOPS/W, like for like: every part at its rated power, the model's rate.
    # What the work itself takes is less (docs/chips.md).
    assert found.peak_ops / power == pytest.approx(627.5e9, rel=0.02)
    assert 0.7 * power < found.power < power


@pytest.mark.parametrize("name", chip_names())
def test_every_number_of_a_shipped_chip_says_where_it_is_from(name: str) -> None:
    assert all(len(part.source) > 6 for part in load_chip(name).parts)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tiles: 64 ", "tile: 64 ", "tile: unknown key; did you mean 'tiles'?"),
        ("tiles: 64 ", "tiles: 0 ", "tiles: got 0 (legal: a whole number, 1 or more)"),
        ("tiles: 64 ", "#", "the key 'tiles' is missing"),
        ("mesh_columns: 4 ", "mesh_columns: 0 ", "mesh_columns: got 0 (legal: a whole"),
        ("mesh_columns: 4 ", "mesh_columns: 1e9 ", "mesh_columns: a mesh of 1 by 1000000000 rou"),
        ("tiles: 64 ", "tiles: 1e12 ", "62500000000 by 4 routers (legal: 100000 routers at most)"),
        ("tile: 96 ", "tile: 1e9 ", "tiles: a chip of 6.4e+10 crossbars"),
        ("tiles: 64 ", "tiles: 64k ", "tiles: got '64k' (legal: a whole number, 1 or more)"),
        ("count: 0.25", "count: a", "parts[2].count: got 'a' (legal: a number, 0 or more)"),
        (
            "9.0e-8",
            "0.09mm2",
            "area_m2: got '0.09mm2' (legal: a number of m2, without the unit, 0 ",
        ),
        ("in: chip", "in: chips", "parts[4].in: got 'chips' (legal: crossbar, tile, chip)"),
        ("drawn: always", "drawn: never", "parts[4].drawn: got 'never'"),
        ("count: 0.25", "count: 0", "parts[2].count: got 0 (legal: more than 0)"),
        ("power_W: 2.6", "powerW: 2.6", "did you mean 'power_W'?"),
        ("energy_per_bit_J: 5.4e-14", "confirmed: true", "parts[1].energy_per_bit_J"),
        ("name: link", "name: bus", "two parts are called 'bus'"),
        ("[edram]", "edram", "parts[0].stands_for: expected a list"),
    ],
)
def test_a_wrong_file_is_told_where(old: str, new: str, message: str, tmp_path: Path) -> None:
    from red_timeloop import resources

    text = resources.path("arch/chips/red.yaml").read_text(encoding="utf-8")
    assert old in text
    text = text.replace(", confirmed: true}", "}").replace(old, new, 1)
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_chip(path)
    assert message in str(caught.value)
    assert "mine.yaml" in str(caught.value)
    assert len(str(caught.value).removeprefix(str(path))) < 200


def test_an_unknown_chip_is_told_its_neighbour() -> None:
    with pytest.raises(InputError, match=r"no chip 'isac'; did you mean 'isaac'\?"):
        load_chip("isac")
    with pytest.raises(InputError, match="cannot read"):
        load_chip("nowhere.yaml")
