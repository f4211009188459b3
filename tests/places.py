"""Where the tests find what is no module: the project's root, recorded results, stand-in tools."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"
STANDIN = ROOT / "tests" / "standin"
