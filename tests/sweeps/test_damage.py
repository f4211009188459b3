"""Stores with rows that are not what was written, and stores of older versions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sweeps.test_analysis import DEFINITION

from red_timeloop.sweeps import SweepError, load_sweep, sweep
from red_timeloop.sweeps.table import load_results


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    sweep(DEFINITION, folder)
    return folder


def _without_log(store: Path, target: Path) -> sqlite3.Connection:
    """A copy of a store to be changed."""
    target.mkdir()
    connection = sqlite3.connect(store / "sweep.sqlite")
    copy = sqlite3.connect(target / "sweep.sqlite")
    connection.backup(copy)
    connection.close()
    return copy


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ("UPDATE evaluations SET energy_J = energy_J * 1.0001", "evaluations"),
        ("UPDATE evaluations SET cycles = cycles + 1", "evaluations"),
        ("UPDATE evaluations SET error = 'none', energy_J = NULL", "evaluations"),
        ("UPDATE evaluations SET checksum = checksum + 1", "evaluations"),
        ("DELETE FROM designs", "evaluations"),
        ("UPDATE points SET changes = '{}'", "points"),
        ("UPDATE points SET base = 99", "points"),
        ("UPDATE points SET context = 99", "points"),
        ("UPDATE bases SET content = replace(content, '1', '2')", "bases"),
        ("UPDATE bases SET content = '{'", "bases"),
        ("UPDATE contexts SET content = replace(content, '1', '2')", "contexts"),
        ("UPDATE contexts SET content = '{'", "contexts"),
        ("UPDATE points SET checksum = NULL, changes = '{'", "points"),
        ("UPDATE sweeps SET content = '[1]'", "sweeps"),
        ("UPDATE sweeps SET content = '{\"designs\": 5}'", "sweeps"),
    ],
)
def test_a_changed_row_is_noticed_and_named(
    change: str, table: str, store: Path, tmp_path: Path
) -> None:
    copy = _without_log(store, tmp_path / "copy")
    copy.execute(change)
    copy.commit()
    copy.close()
    before = (tmp_path / "copy" / "sweep.sqlite").read_bytes()
    with pytest.raises(SweepError, match=rf"is damaged: row \d+ of {table} is not what was"):
        load_results(tmp_path / "copy")
    assert (tmp_path / "copy" / "sweep.sqlite").read_bytes() == before


def test_a_base_that_nobody_knows_is_damage(store: Path, tmp_path: Path) -> None:
    copy = _without_log(store, tmp_path / "copy")
    copy.execute("UPDATE points SET base = 99, checksum = NULL")
    copy.commit()
    copy.close()
    with pytest.raises(SweepError, match=r"is damaged: point \d+ has the unknown base 99"):
        load_results(tmp_path / "copy")


def test_a_value_of_another_kind_is_damage(store: Path, tmp_path: Path) -> None:
    copy = _without_log(store, tmp_path / "copy")
    copy.execute("UPDATE evaluations SET energy_J = 'much', checksum = NULL")
    copy.commit()
    copy.close()
    with pytest.raises(
        SweepError, match=r"is damaged: a value is not of its kind \(could not conv"
    ):
        load_results(tmp_path / "copy")


def test_a_store_from_before_chips_is_read_with_its_checksums(store: Path, tmp_path: Path) -> None:
    copy = _without_log(store, tmp_path / "copy")
    copy.execute("ALTER TABLE evaluations DROP COLUMN chip")
    copy.execute("PRAGMA user_version = 2")
    copy.commit()
    old = load_results(tmp_path / "copy")
    assert old.numbers["energy_J"].tolist() == load_results(store).numbers["energy_J"].tolist()
    copy.execute("UPDATE evaluations SET sqnr_dB = 1e3")
    copy.commit()
    copy.close()
    with pytest.raises(SweepError, match="of evaluations is not what was written"):
        load_results(tmp_path / "copy")


def test_a_store_without_checksums_is_read_and_gets_them(store: Path, tmp_path: Path) -> None:
    """Schema 1 had none."""
    copy = _without_log(store, tmp_path / "copy")
    for table in ("points", "evaluations"):
        copy.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
    copy.execute("ALTER TABLE evaluations DROP COLUMN chip")  # nor chips
    copy.execute("PRAGMA user_version = 1")
    copy.commit()
    copy.close()
    old = load_results(tmp_path / "copy")
    assert old.numbers["energy_J"].tolist() == load_results(store).numbers["energy_J"].tolist()
    definition = {**DEFINITION, "designs": ["red", "split_kernel"]}
    assert sweep(load_sweep(definition), tmp_path / "copy").evaluated
    connection = sqlite3.connect(tmp_path / "copy" / "sweep.sqlite")
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    connection.close()
    connection = sqlite3.connect(tmp_path / "copy" / "sweep.sqlite")
    sums = connection.execute("SELECT count(*), count(checksum) FROM evaluations").fetchone()
    connection.close()
    assert sums[0] > sums[1] > 0, "old rows stay without"
