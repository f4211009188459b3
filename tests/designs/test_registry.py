"""Finding designs: shipped, installed, and in files that a person names."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

import red_timeloop
from red_timeloop import designs
from red_timeloop.designs.registry import content_digest, label
from red_timeloop.errors import InputError

RENAMED = """
from dataclasses import replace
from red_timeloop.designs.red import RED
MINE = replace(RED, name="{name}", label="Mine")
"""


def own_file(folder: Path, name: str = "mine") -> Path:
    file = folder / f"{name}.py"
    file.write_text(RENAMED.format(name=name))
    return file


def test_a_renamed_copy_has_rows_and_a_summary_of_its_own(tmp_path: Path) -> None:
    mine = f"{own_file(tmp_path)}:MINE"
    result = red_timeloop.compare(designs=["red", mine], layers=["GAN_Deconv3", "GAN_Deconv4"])
    assert [row.design for row in result.results] == ["red", "mine", "red", "mine"]
    ours, theirs = result.summary
    assert (theirs.design, theirs.speedup) == ("mine", ours.speedup)
    assert result.labels["mine"] == "Mine"
    assert "MISSING" not in str(result.as_dict())
    assert result.assumptions


def test_two_designs_of_one_name_are_refused(tmp_path: Path) -> None:
    other = f"{own_file(tmp_path, 'red')}:MINE"
    with pytest.raises(InputError, match="two designs are called 'red'"):
        red_timeloop.compare(designs=["red", other], layers=["GAN_Deconv3"])
    baseline = replace(designs.find("red"), name="zero_padding")
    with pytest.raises(InputError, match="two designs are called 'zero_padding'"):
        red_timeloop.compare(designs=[baseline], layers=["GAN_Deconv3"])
    same = red_timeloop.compare(designs=["red", "red"], layers=["GAN_Deconv3"])
    assert len(same.results) == 1


def test_code_runs_only_where_a_person_named_it(tmp_path: Path) -> None:
    file = own_file(tmp_path, "quiet")
    with pytest.raises(InputError, match="which a file does not make run"):
        designs.find(f"{file}:MINE")
    assert not any("quiet" in name for name in sys.modules)
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(f'designs: ["{file}:MINE"]\n')
    with pytest.raises(InputError, match=r"sweep\.yaml: designs: .* does not make run"):
        red_timeloop.sweep(sweep, tmp_path / "store")


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (None, "X", "there is no such file"),
        ("raise ValueError('no\\nluck')", "X", "cannot run it: ValueError: no luck"),
        (RENAMED.format(name="a"), "YOURS", r"has no 'YOURS' \(legal: RED, MINE\)"),
        ("X = 3", "X", "is no design: it has no name, summary"),
        (RENAMED.format(name="a b"), "MINE", "got 'a b'"),
        ("from red_timeloop.designs import CrossbarDesign as X", "X", "is no design"),
    ],
)
def test_what_is_no_design_is_refused_in_one_line(
    text: str | None, name: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "its.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        designs.find(f"{file}:{name}", code=True)
    assert "\n" not in str(caught.value)


def test_modules_and_installed_packages_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_file(tmp_path, "installed_design")
    info = tmp_path / "thing-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(
        "[red_timeloop.designs]\n"
        "installed_design = installed_design:MINE\nbroken_design = no_such_module:X\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "installed_design" in designs.all_names()
    assert designs.find("installed_design").label == "Mine"
    assert designs.find("installed_design:MINE", code=True).name == "installed_design"
    assert designs.origin("installed_design") == "thing 1.5"
    assert label("installed_design") == "Mine"
    with pytest.raises(InputError, match="entry point 'broken_design' of thing: ModuleNotFound"):
        designs.find("broken_design")


def test_the_content_of_a_design_s_files_tells_it(tmp_path: Path) -> None:
    assert content_digest(designs.find("red")) == ""
    file = own_file(tmp_path, "digested")
    mine = designs.find(f"{file}:MINE", code=True)
    assert content_digest(replace(mine, name="else")) == content_digest(mine)
    moved = tmp_path / "arch.yaml"
    moved.write_text(mine.architecture.read_text() + "# changed\n")
    changed = replace(mine, architecture=moved)
    assert content_digest(changed) != content_digest(mine) != ""


def test_python_files_beside_a_design_s_own_functions_are_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        RENAMED.format(name="mine")
        + "def plan(layer, hardware):\n    return RED.transposed(layer, hardware)\n"
        + "OWN = replace(MINE, transposed=plan)\n"
    )
    own, renamed = (designs.find(f"{file}:{name}", code=True) for name in ("OWN", "MINE"))
    digests = content_digest(own), content_digest(renamed)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "other.py").touch()
    assert (content_digest(own), content_digest(renamed)) == digests
    (tmp_path / "helper.py").write_text("NUMBER = 1\n")
    assert content_digest(own) != digests[0]
    assert content_digest(renamed) == digests[1]  # nothing of it is in the file
