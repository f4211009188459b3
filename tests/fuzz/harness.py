"""What every fuzzer does with its inputs: read them, count what came of it, keep the bad ones.

An input ends well when it is read, or refused with one line. Counted are other exceptions, ends of
the whole process, inputs that take longer than 10 s of processor time (or wait for two minutes),
and the most memory that a process took. Inputs that end badly are written to `fuzz-failures/`.
"""

from __future__ import annotations

import os
import pickle
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from red_timeloop.errors import InputError
from red_timeloop.sweeps.errors import SweepError

LONGEST = 10  # seconds of processor time
LONGEST_WAIT = 120  # seconds, on a machine that has other work too
PIECE = 250  # inputs of a process: what kills it costs no more
GOOD = ("read", "refused")

Make = Callable[[random.Random], bytes]
Read = Callable[[bytes], None]


@dataclass
class Report:
    """What came of the inputs, and those that ended badly, with why."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[bytes, str]] = field(default_factory=list)
    slowest: float = 0.0  # seconds of processor time
    memory: float = 0.0  # MiB, the most of a process

    def add(self, other: Report) -> None:
        self.outcomes += other.outcomes
        self.failures += other.failures
        self.slowest = max(self.slowest, other.slowest)
        self.memory = max(self.memory, other.memory)


class Hang(Exception):  # noqa: N818 - what it is called everywhere
    """An input takes too long."""


def _ring(number: int, frame: FrameType | None) -> None:
    raise Hang


def outcome(read: Read, data: bytes) -> tuple[str, str]:
    """Return what came of reading an input, and the message or traceback."""
    signal.signal(signal.SIGALRM, _ring)
    signal.signal(signal.SIGPROF, _ring)
    signal.alarm(LONGEST_WAIT)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        read(data)
    except (InputError, SweepError) as refusal:
        text = str(refusal)
        return ("long message" if "\n" in text or len(text) > 6000 else "refused"), text
    except Hang:
        return "hang", traceback.format_exc()
    except Exception:
        return "traceback", traceback.format_exc()
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "read", ""


def run(make: Make, read: Read, number: int, seed: int) -> Report:
    """Make and read `number` inputs; equal seeds make equal inputs."""
    report, chance = Report(), random.Random(seed)
    for _ in range(number):
        data = make(chance)
        begun = time.process_time()
        ended, detail = outcome(read, data)
        report.slowest = max(report.slowest, time.process_time() - begun)
        report.outcomes[ended] += 1
        if ended not in GOOD:
            report.failures.append((data, detail))
    report.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return report


def _apart(make: Make, read: Read, number: int, seed: int) -> Report:
    """`run` in a process of its own, which an input may end."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.close(ours)
        with os.fdopen(theirs, "wb") as stream:
            pickle.dump(run(make, read, number, seed), stream)
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as stream:
        sent = stream.read()
    status = os.waitpid(child, 0)[1]
    if status == 0:
        report = pickle.loads(sent)
        assert isinstance(report, Report)
        return report
    detail = f"the process ended with {status} on one of the {number} inputs of seed {seed}"
    return Report(Counter({"crash": number}), [(b"", detail)])


def main(make: Make, read: Read, suffix: str) -> int:
    """Run `N [SEED]` from the command line, print figures, keep what ended badly."""
    number = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    report, begun = Report(), time.perf_counter()
    for first in range(0, number, PIECE):
        report.add(_apart(make, read, min(PIECE, number - first), seed + first))
        if first // PIECE % 4 == 3 or first + PIECE >= number:
            print(
                f"{sum(report.outcomes.values())} of {number}: {dict(report.outcomes)}, slowest"
                f" {report.slowest:.2f} s, {report.memory:.0f} MiB,"
                f" {time.perf_counter() - begun:.0f} s",
                flush=True,
            )
    folder = Path("fuzz-failures")
    for index, (data, detail) in enumerate(report.failures):
        folder.mkdir(exist_ok=True)
        (folder / f"{index}{suffix}").write_bytes(data)
        (folder / f"{index}{suffix}.txt").write_text(detail)
    print(f"seed {seed}: {len(report.failures)} of {number} ended badly")
    return 1 if report.failures else 0


def mutated_bytes(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """Return data with some bytes flipped, left out, doubled, or taken from another input."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        if not found:
            break
        at, length = chance.randrange(len(found)), chance.choice((1, 1, 2, 4, 16, 64))
        how = chance.randrange(6)
        if how == 0:
            found[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            found[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif how == 2:
            del found[at : at + length]
        elif how == 3:
            found[at:at] = found[at : at + length]
        elif how == 4:
            other = chance.choice(others)
            start = chance.randrange(max(1, len(other)))
            found[at : at + length] = other[start : start + length]
        elif chance.random() < 0.2:
            del found[at:]
    return bytes(found)
