"""`red-timeloop doctor`: what of the real tools is there and works."""

from __future__ import annotations

from dataclasses import dataclass

import click

from red_timeloop import __version__
from red_timeloop.cli.results import Answer, answering
from red_timeloop.components.accelergy import PLUG_IN_PATH
from red_timeloop.engines.timeloop import doctor
from red_timeloop.engines.timeloop.tools import PYTHON_VARIABLE, find_tools

__all__ = ["command"]

_TIMELOOP = "https://timeloop.csail.mit.edu/installation"
_PYTIMELOOP = "https://github.com/Accelergy-Project/timeloop-python"
_ACCELERGY = "https://github.com/Accelergy-Project/accelergy"


@dataclass(frozen=True)
class _Check:
    name: str
    found: bool
    detail: str


@click.command(name="doctor")
@click.option("--register", is_flag=True, help="Add the plug-in to your Accelergy configuration.")
@answering()
def command(register: bool) -> Answer:
    """Say which of the real Timeloop's tools are installed and work.

    The exit code is 1 if not all do. The embedded engine needs none of them.
    """
    checks = _checks(register)
    whole = all(check.found for check in checks)

    def table() -> None:
        for check in checks:
            mark = "ok     " if check.found else "missing"
            click.echo(f"{mark}  {check.name:<16} {check.detail}")
        click.echo()
        if whole:
            click.echo("The engine 'timeloop' can be used, and --engine auto uses it.")
        else:
            click.echo("The embedded engine needs none of these.")

    return Answer(
        table,
        lambda: {"schema": 1, "checks": [vars(check) for check in checks]},
        code=0 if whole else 1,
    )


def _checks(register: bool) -> list[_Check]:
    tools = find_tools()
    checks = [_Check("red-timeloop", True, __version__)]
    for name, path, where in (
        ("timeloop-model", tools.model, _TIMELOOP),
        ("timeloop-mapper", tools.mapper, _TIMELOOP),
        ("accelergy", tools.accelergy, _ACCELERGY),
    ):
        detail = str(path) if path else f"not on PATH; how to install it: {where}"
        checks.append(_Check(name, path is not None, detail))
    if tools.python is None:
        reason = f"{tools.import_error}; set {PYTHON_VARIABLE} to the Python that has it, or see"
        checks.append(_Check("pytimeloop", False, f"{reason} {_PYTIMELOOP}"))
        tried = "cannot register: no Python with pytimeloop is known; " * register
        line = f"globals: {{accelergy_plug_ins: [{PLUG_IN_PATH}]}}"
        checks.append(_Check("plug-in", False, f"{tried}a specification names it by {line}"))
        return checks
    versions = ", ".join(f"{k} {v}" for k, v in doctor.versions(tools.python).items())
    checks.append(_Check("pytimeloop", True, f"{tools.python} ({versions})"))
    before = doctor.registered(tools.python, PLUG_IN_PATH)
    if register:
        doctor.register(tools.python, PLUG_IN_PATH)
    known = doctor.registered(tools.python, PLUG_IN_PATH)
    if register and known:
        known += " (was registered already)" if before else " (registered now)"
    hint = f"'red-timeloop doctor --register', or accelergy_plug_ins: [{PLUG_IN_PATH}]"
    checks.append(
        _Check("plug-in", bool(known), known or f"not in Accelergy's configuration: {hint}")
    )
    if tools.model is not None:
        failure = doctor.trial()
        checks.append(_Check("trial run", not failure, failure or "timeloop-model agrees"))
    return checks
