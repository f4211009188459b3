"""hwcomponents both ways: its models price a specification, ours are found among them.

`hwcomponents` wants Python 3.12; this runs in the first interpreter that has it: the one of
`RED_TIMELOOP_HWCOMPONENTS_PYTHON`, this one, `python3.12` or `python3.13` on PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from close import near

from red_timeloop.components import build
from red_timeloop.components.estimators import Estimate, EstimatorError
from red_timeloop.components.hwcomponents import HwComponents, _failure
from red_timeloop.errors import InputError

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import json, sys
import hwcomponents
from red_timeloop.components.hwcomponents import HwComponents
from red_timeloop.errors import InputError

asked = HwComponents()

def told(question):
    try:
        return vars(question())
    except InputError as error:
        return {"error": str(error)}

seconds = {"global_cycle_seconds": 1e-9}
attributes = json.loads(sys.argv[1])
node = attributes["technology"]
print(json.dumps({
    "models": [x.__name__ for x in hwcomponents.get_models() if x.__module__.startswith("hwcomponents_red")],
    "costs": {
        name: [
            hwcomponents.get_action_cost(f"red_{name}", {**attributes, "tech_node": 32e-9}, action, {}).energy,
            hwcomponents.get_area(f"red_{name}", {**attributes, "tech_node": 32e-9}),
            hwcomponents.get_leak_power(f"red_{name}", {**attributes, "tech_node": 32e-9}),
        ]
        for name, action in (("reram_cell", "read"), ("row_driver", "read"), ("adc", "update"), ("shift_add", "update"), ("reram_array", "update"))
    },
    "adder": told(lambda: asked.energy("aladdin_adder", {"width": 32, "technology": "40nm"}, "add", {})),
    "adder_area": told(lambda: asked.area("intadder", {"width": 32, "technology": "40nm"})),
    "adder_leak": told(lambda: asked.energy("intadder", {"width": 32, "technology": "40nm"}, "leak", seconds)),
    "dram": told(lambda: asked.energy("DRAM", {"width": 64, "type": "LPDDR4"}, "update", {})),
    "sram": told(lambda: asked.energy("SRAM", {"width": 64, "depth": 1024, "technology": "45nm"}, "read", {})),
    "unknown": told(lambda: asked.energy("abacus", {}, "read", {})),
    "missing": told(lambda: asked.energy("intadder", {"technology": "40nm"}, "add", {})),
}))
"""  # noqa: E501
ATTRIBUTES = {
    "rows": 128, "columns": 128, "rows_used": 128, "columns_used": 32,
    "resolution": 8, "width": 16, "technology": "32nm",
}  # fmt: skip


@lru_cache(maxsize=1)
def answers() -> dict[str, Any]:
    """Return what the program prints; skip where no interpreter has hwcomponents."""
    named = os.environ.get("RED_TIMELOOP_HWCOMPONENTS_PYTHON")
    on_path = [shutil.which(name) for name in ("python3.12", "python3.13")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for python in [named] if named else [sys.executable, *filter(None, on_path)]:
        look = [str(python), "-c", "import hwcomponents, yaml, numpy, pydantic"]
        if subprocess.run(look, capture_output=True, check=False).returncode == 0:
            done = subprocess.run(
                [str(python), "-c", PROGRAM, json.dumps(ATTRIBUTES)],
                capture_output=True, text=True, check=False, env=environment,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
            return found
    pytest.skip("no interpreter has hwcomponents")


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("reram_cell", "read"),
        ("row_driver", "read"),
        ("adc", "update"),
        ("shift_add", "update"),
        ("reram_array", "update"),
    ],
)
def test_our_models_are_found_and_cost_the_same_there(name: str, action: str) -> None:
    assert {"RedReramArray", "RedRowDriver", "RedAdc", "RedShiftAdd"} <= {*answers()["models"]}
    ours = build(name, ATTRIBUTES)
    expected = [ours.energy(action), ours.area, ours.leakage_power]
    assert answers()["costs"][name] == pytest.approx(expected, rel=1e-12, abs=0)


def test_their_models_price_accelergy_s_classes() -> None:
    """Aladdin's 32 bit adder at its own 40 nm: 0.21 pJ, 278 um^2, 2.4 uW; LPDDR4: 8 pJ a bit."""
    found = answers()
    assert found["adder"] == {"value": near(0.21e-12, rel=0.01), "by": "hwcomponents AladdinAdder"}
    assert found["adder_area"]["value"] == pytest.approx(278e-12, abs=0)
    assert found["adder_leak"]["value"] == pytest.approx(2.4e-15, abs=0)
    assert found["dram"] == {"value": near(512e-12, rel=0.01), "by": "hwcomponents LPDDR4"}


def test_what_they_cannot_price_is_one_line() -> None:
    found = answers()
    assert found["unknown"] == {"error": "'abacus' is not known"}
    assert "is missing: width" in found["missing"]["error"]
    sram = found["sram"]  # the program inside starts only where its C library is new enough
    assert sram.get("value", 0) > 0 or sram["error"].startswith("SRAM: "), sram


class StandIn(ModuleType):
    """What answers like hwcomponents for the class `known`, and notes what it is asked."""

    def __init__(self, known: str, error: Exception) -> None:
        super().__init__("hwcomponents")
        self.asked: list[tuple[object, ...]] = []
        costs = {"action_cost": SimpleNamespace(energy=3e-12), "area": 2e-12, "leak_power": 2e-3}
        for kind, value in costs.items():

            def question(
                name: str,
                told: object,
                *more: object,
                _return_estimation_object: bool,
                kind: str = kind,
                value: object = value,
            ) -> object:
                assert _return_estimation_object
                self.asked.append((kind, name, told, *more))
                if name != known:
                    raise error
                return SimpleNamespace(value=value, model_name="Model")

            setattr(self, f"get_{kind}", question)


def stand_in(
    monkeypatch: pytest.MonkeyPatch, known: str, error: Exception | None = None
) -> StandIn:
    package = StandIn(known, error or ValueError("no such model"))
    monkeypatch.setitem(sys.modules, "hwcomponents", package)
    return package


def test_what_hwcomponents_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    package = stand_in(monkeypatch, "aladdinadder")
    given, told = {"technology": "40nm", "none": None}, {"technology": "40nm", "tech_node": 40e-9}
    cost = HwComponents().energy("aladdin_adder", given, "update", {"a": 1})
    assert cost == Estimate(3e-12, "hwcomponents Model")
    assert package.asked == [
        ("action_cost", name, {**told, "tech_node": near(40e-9)}, "write", {"a": 1})
        for name in ("aladdin_adder", "aladdinadder")
    ]
    leak = HwComponents().energy("aladdin_adder", given, "leak", {"global_cycle_seconds": 1e-9})
    assert leak == Estimate(near(2e-12), "hwcomponents Model")
    assert HwComponents().area("aladdin_adder", given).value == 2e-12
    with pytest.raises(InputError, match="'a_bacus' is not known"):
        HwComponents().area("a_bacus", {})
    assert [each[1] for each in package.asked[-2:]] == ["a_bacus", "abacus"]


@pytest.mark.parametrize(
    ("component_class", "attributes", "name", "told"),
    [
        ("DRAM", {}, "DRAM_LPDDR4", {}),
        ("dram", {"type": "HBM2"}, "DRAM_HBM2", {"type": "HBM2"}),
        ("SRAM", {"width": 64, "depth": 8}, "SRAM", {"width": 64, "size": 512}),
        ("adder", {"width": 64, "depth": 8}, "adder", {"width": 64, "depth": 8}),
        ("SRAM", {"depth": 8}, "SRAM", {"depth": 8}),
        ("adder", {"technology": "SET ME"}, "adder", {}),
        ("adder", {"technology": "7NM", "tech_node": 1}, "adder",
         {"technology": "7NM", "tech_node": 1}),
    ],
)  # fmt: skip
def test_what_the_classes_are_told(
    component_class: str,
    attributes: dict[str, Any],
    name: str,
    told: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = stand_in(monkeypatch, name)
    assert HwComponents().area(component_class, attributes).value == 2e-12
    assert package.asked == [("area", name, told)]


def test_a_failure_ends_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of a model at once; that of a model that wants more is its own last lines."""
    package = stand_in(monkeypatch, "none", RuntimeError("| M with priority 1\n|  | KeyError: x"))
    with pytest.raises(EstimatorError, match="M: KeyError: x"):
        HwComponents().area("an_adder", {})
    assert len(package.asked) == 1
    stand_in(monkeypatch, "none", ValueError("it could not be initialized\n\n width: missing\n b"))
    with pytest.raises(InputError, match=r"^width: missing; b$"):
        HwComponents().area("an_adder", {})
    told = f"| M with priority 1\n|  | ValueError: {'x' * 99}"
    assert str(_failure("a", RuntimeError(told))) == f"M: ValueError: {'x' * 48}"
    assert str(_failure("a", RuntimeError("first\nsecond"))) == "first"


def test_a_model_that_fails_is_named_in_one_line() -> None:
    """As hwcomponents 1.0.114 tells it (shortened)."""
    told = (
        "Can not find an action_cost model for sram().read()\n"
        "Logs for models that could estimate query:\n"
        "| SRAM with priority 0.3 estimating value: \n"
        "|  | Calling __init__ with arguments {}\n"
        "|  | Exception: CACTI failed with exit code 1. Please check /a/long/path for more\n"
    )
    found = _failure("sram", RuntimeError(told))
    assert isinstance(found, EstimatorError)
    assert str(found).startswith("SRAM: Exception: CACTI failed with exit code 1.")
    assert "\n" not in str(found)
