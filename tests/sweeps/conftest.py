"""A workload of two layers, and what is in the store of its sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

WORKLOAD = """
schema: 1
name: two
source: made for the tests
layers:
  - {name: up, type: transposed_conv, in_channels: 12, out_channels: 6, input_size: [3, 4],
     kernel_size: 5, stride: 2, padding: 2, output_padding: 1, repeat: 3}
  - {name: flat, type: conv, in_channels: 5, out_channels: 4, input_size: [6, 6], kernel_size: 3}
"""


@pytest.fixture
def workload(tmp_path: Path) -> str:
    file = tmp_path / "two.yaml"
    file.write_text(WORKLOAD)
    return str(file)
