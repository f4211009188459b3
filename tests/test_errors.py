from pathlib import Path

import pytest

from red_timeloop.errors import InputError
from red_timeloop.files import write_atomic


def test_message_names_file_key_and_legal_values() -> None:
    error = InputError("stride must be positive, got 0", file="w.yaml", key="layers[0].stride")
    assert str(error) == "w.yaml: layers[0].stride: stride must be positive, got 0"


def test_long_values_are_cut() -> None:
    error = InputError("unknown " + "x" * 10**6, key="design", legal=["red"])
    assert len(str(error)) < 2100
    assert str(error).endswith("... (legal: red)")


def test_location_is_filled_in_once() -> None:
    error = InputError("bad", key="a").located(file="f.yaml", key="b")
    assert str(error) == "f.yaml: a: bad"


def test_write_atomic_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_atomic(tmp_path / "x.txt", "hello")
    assert [p.name for p in tmp_path.iterdir()] == ["x.txt"]


def test_write_atomic_names_the_file_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing.x\.txt: cannot write"):
        write_atomic(tmp_path / "missing" / "x.txt", "hello")
