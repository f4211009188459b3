"""Damaged sweep stores given to what reads them: `python tests/fuzz/store_fuzz.py N`."""

from __future__ import annotations

import random
import shutil
import sqlite3
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import harness

from red_timeloop.sweeps import load_sweep, sweep
from red_timeloop.sweeps.analysis import best, pareto, sensitivity
from red_timeloop.sweeps.table import load_results

DEFINITION = {
    "layers": ["GAN_Deconv3"],
    "designs": ["red", "zero_padding"],
    "engine": "embedded",
    "parameters": {"read_voltage_v": [0.1, 0.2], "fold": [1, 2], "cell_bits": [1, 2]},
}
VALUES: tuple[Any, ...] = (
    None, 0, 1, -1, 5, 1e300, float("inf"), "", "red", "x\ny", "{", "[1]", '{"designs": 5}', "null",
    '{"rows": null}', b"\xff\xfe", b"", 2**63 - 1, "n" * 5000,
)  # fmt: skip


@lru_cache(maxsize=1)
def store() -> bytes:
    """Return a small store."""
    with tempfile.TemporaryDirectory() as folder:
        sweep(load_sweep(DEFINITION), folder, jobs=1)
        connection = sqlite3.connect(Path(folder, "sweep.sqlite"))
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.close()
        return Path(folder, "sweep.sqlite").read_bytes()


def _mutated_rows(data: bytes, chance: random.Random) -> bytes:
    """Set or take away rows by SQL, as a hand or a program would."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "s.sqlite")
        path.write_bytes(data)
        connection = sqlite3.connect(path)
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = sorted(name for (name,) in names)
        for _ in range(chance.choice((1, 1, 2, 4))):
            table = chance.choice(tables)
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            column = chance.choice(columns)
            some = f"WHERE abs(random()) % {chance.choice((1, 2, 5))} = 0"
            try:
                if chance.random() < 0.15:
                    connection.execute(f"DELETE FROM {table} {some}")
                else:
                    connection.execute(
                        f"UPDATE {table} SET {column} = ? {some}", (chance.choice(VALUES),)
                    )
            except sqlite3.Error:
                pass  # what the tables themselves refuse
        connection.commit()
        connection.close()
        return path.read_bytes()


def make(chance: random.Random) -> bytes:
    """Return a damaged store."""
    if chance.random() < 0.5:
        return _mutated_rows(store(), chance)
    return harness.mutated_bytes(store(), chance, [store()])


def read(data: bytes) -> None:
    """Ask a store everything that commands ask; it must stay as it is."""
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "sweep.sqlite"
        path.write_bytes(data)
        try:
            results = load_results(folder).feasible()
            pareto(results)
            best(results, results.objectives[0])
            sensitivity(results, results.objectives[0])
        finally:
            assert path.read_bytes() == data, "the store was changed"
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(harness.main(make, read, ".sqlite"))
