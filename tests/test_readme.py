"""The README shows what the commands print."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from places import ROOT

README = (ROOT / "README.md").read_text()


def test_the_table_is_what_compare_prints() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "red_timeloop.cli.main", "compare", "--engine", "embedded"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    printed = {line.rstrip() for line in done.stdout.splitlines()}
    (shown,) = re.findall(r"```text\n(.*?)```", README, flags=re.DOTALL)
    lines = [line for line in shown.splitlines() if line.strip()]
    assert len(lines) > 15
    assert [line for line in lines if line not in printed] == []
