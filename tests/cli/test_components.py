"""`red-timeloop components`: the list of models, and what one of them says."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result
from close import near

from red_timeloop.circuit import Circuit
from red_timeloop.cli.main import cli
from red_timeloop.components import build, names
from red_timeloop.errors import InputError


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["components", *arguments])


def test_all_are_listed() -> None:
    *lines, standard = run().output.splitlines()
    assert [line.split()[0] for line in lines] == list(names())
    assert {"intmac", "smartbuffersram"} <= {*standard.replace(",", "").split()}
    listed = json.loads(run("--format", "json").output)["components"]
    assert [each["name"] for each in listed] == list(names())
    assert all(each["summary"] and each["origin"] == "red_timeloop" for each in listed)


@pytest.mark.parametrize("name", names())
def test_one_is_what_it_builds(name: str) -> None:
    content = json.loads(run(name, "--format", "json").output)
    attributes = {key: each["value"] for key, each in content["attributes"].items()}
    one = build(name, attributes, Circuit.load("isaac_32nm"))
    assert content["energy_J"] == {action: one.energy(action) for action in one.actions}
    assert content["area_m2"] == one.area
    assert content["latency_s"] == one.latency
    assert content["leakage_W"] == one.leakage_power
    shown = run(name).output
    for key in (*attributes, *content["numbers"]):
        assert f"  {key} = " in shown


def test_the_numbers_are_those_that_matter() -> None:
    """Each number that is listed changes something, and none that is not listed does."""
    content = json.loads(run("row_driver", "--format", "json").output)
    base = Circuit.load("isaac_32nm")
    shape = {"rows": 128, "columns": 128}

    def said(circuit: Circuit) -> tuple[float, ...]:
        one = build("row_driver", shape, circuit)
        return (one.energy("read"), one.energy("leak"), one.area, one.latency)

    for name in Circuit.names():
        changed = base.replace(**{name: getattr(base, name) * 0.9})
        if name not in content["numbers"]:
            assert said(changed) == said(base), name
        elif name not in ("grain_reflection",):
            assert said(changed) != said(base), name
    for number in content["numbers"].values():
        assert number["source"]


def test_settings_change_attributes_and_numbers() -> None:
    content = json.loads(
        run("adc", "--set", "resolution=6", "--set", "adc_rate_hz=1e8", "--format", "json").output
    )
    assert content["attributes"]["resolution"] == {"value": 6, "from": "given", "legal": "1 .. 16"}
    assert content["numbers"]["adc_rate_hz"]["value"] == 1e8
    assert content["latency_s"] == 1e-8
    pulse = json.loads(run("reram_array", "--set", "rows=512", "--format", "json").output)
    column = {key: value for key, value in pulse["pulse_J"].items() if key.startswith("column ")}
    assert sum(column.values()) == near(pulse["pulse_J"]["column"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("acd",), r"NAME: unknown component 'acd'; did you mean 'adc'\? \(legal: adc"),
        (("dram", "--set", "rows=3"), "rows: dram has no such attribute"),
        (("adc", "--set", "resolution"), r"--set: got 'resolution' \(legal: KEY=VALUE\)"),
        (("adc", "--set", "resolution=99"), "resolution: out of range: 99"),
    ],
)
def test_bad_input_is_named(arguments: tuple[str, ...], message: str) -> None:
    error = run(*arguments).exception
    assert isinstance(error, InputError)
    with pytest.raises(InputError, match=message):
        raise error
