"""`red-timeloop verify`: prove decomposition, executions and counts of a workload."""

from __future__ import annotations

import click

from red_timeloop.cli import options
from red_timeloop.cli.results import Answer, answering, fields
from red_timeloop.cli.verbosity import progress_bar
from red_timeloop.dataflow.verification import TENSORS, Check, verify
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.workload import Workload

__all__ = ["command"]


@click.command(name="verify")
@options.network
@options.design()
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the tensors.")
@options.hardware
@answering()
def command(network: Workload, designs: tuple[str, ...], seed: int, hardware: Hardware) -> Answer:
    """Execute every layer of a workload and compare everything.

    The decomposition and the execution on each design must give the integer transposed
    convolution bit for bit, and the executed events must be those that the engine counts. Tensors
    are random; converters are lossless whatever the parameter set has, since only exact sums prove
    a mapping (`simulate` runs the set's own). Layers of the same geometry are checked once. The
    exit code is 1 when anything differs.
    """
    if seed < 0:
        raise InputError(f"got {seed}", key="--seed", legal="0 or more")
    with progress_bar() as progress:
        checks = verify(network, designs, hardware, seed=seed, progress=progress)
    failed = [check for check in checks if not check.passed]

    def table() -> None:
        for check in checks:
            if check.not_run:
                click.echo(f"not run: {check.layer} on {check.subject}: {check.not_run}")
        for check in failed:
            click.echo(f"MISMATCH: {_describe(check)}")
        click.echo(_summary(checks, len(failed), seed))

    content = {"schema": 1, "passed": not failed, "converters": "lossless", "tensors": TENSORS}
    return Answer(
        table,
        lambda: {**content, "seed": seed, "checks": [_as_json(check) for check in checks]},
        code=int(bool(failed)),
    )


def _as_json(check: Check) -> dict[str, object]:
    return {
        **fields(check, "layer", "subject", "passed", "outputs"),
        "max_error": check.error.max if check.error else None,
        **fields(check, "events", "differences", "not_run"),
    }


def _describe(check: Check) -> str:
    problems = []
    if check.error is not None and not check.error.exact:
        problems.append(f"outputs differ by up to {check.error.max}")
    problems += [
        f"{name} is {executed}, the engine counts {counted}"
        for name, (executed, counted) in check.differences.items()
    ]
    return f"{check.layer}, {check.subject}: {'; '.join(problems)}"


def _summary(checks: tuple[Check, ...], failed: int, seed: int) -> str:
    layers = len({check.layer for check in checks})
    runs = [c for c in checks if c.subject != "decomposition" and not c.not_run]
    if failed:
        return f"FAILED: {failed} of {len(checks)} checks on {layers} layers, seed {seed}."
    return (
        f"Verified: {layers} layers, {len(runs)} executions with lossless converters on random "
        f"tensors ({TENSORS}), seed {seed}: "
        f"{_number(sum(c.outputs for c in checks))} outputs equal the integer convolution "
        f"bit for bit, {_number(sum(c.events for c in checks))} event counts equal the engine's."
    )


def _number(value: int) -> str:
    return f"{value:,}".replace(",", " ")
