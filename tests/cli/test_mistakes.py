"""Mistakes that newcomers make: each ends with code 2 and one line that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from red_timeloop.cli.main import main

LAYERS = """schema: 1
name: mine
source: me
layers:
- {name: up, type: transposed_conv, in_channels: 4, out_channels: 2, input_size: [4, 4], KERNEL}
"""
SWEEP = "schema: 1\nworkloads: [red_date2019]\nparameters: {rowz: [64, 128]}\n"

FILES = {
    "key.yaml": LAYERS.replace("KERNEL", "kernel_size: 4, strides: 2"),
    "text.yaml": LAYERS.replace("KERNEL", "kernel_size: four"),
    "list.yaml": "- 1\n- 2\n",
    "broken.yaml": "name: [\n",
    "empty.yaml": "",
    "rows.yaml": SWEEP,
    "model.pt": "",
    "net.onnx": "no model",
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("comapre", "No such command 'comapre'; did you mean 'compare'?"),
        ("compare --desing red", "No such option '--desing'"),
        ("compare --design rde", "design: unknown design 'rde'; did you mean 'red'? (legal: red, "),
        ("compare red_date219", "no workload or file 'red_date219'; did you mean 'red_date2019'?"),
        ("compare red_date2019:GAN_Decnv3", "no layer 'GAN_Decnv3'; did you mean 'GAN_Deconv3'?"),
        ("compare --layer FCN_Decov1", "no layer 'FCN_Decov1'; did you mean 'FCN_Deconv1'? (legal"),
        ("compare --set folds=2", "folds: unknown parameter; did you mean 'fold'? (legal: "),
        ("compare --set fold", "--set: got 'fold' (legal: KEY=VALUE)"),
        (
            "compare --set adc_rate_hz=1.28gram",
            "adc_rate_hz: got '1.28gram' (legal: 100000 .. 1e+10",
        ),
        ("compare --set rows=128.5", "rows: got 128.5 (legal: a whole number from 1 to 1048576"),
        (
            "compare --hardware issac_32nm",
            "no parameter set 'issac_32nm'; did you mean 'isaac_32nm'",
        ),
        ("compare missing.yaml", "no workload or file 'missing.yaml'"),
        ("compare key.yaml", "key.yaml: layers[0].strides: unknown key; did you mean 'stride'?"),
        ("compare text.yaml", "text.yaml: layers[0].kernel_size: 'four'"),
        ("compare list.yaml", "list.yaml: [1, 2] is not a mapping (legal: key: value pairs)"),
        ("compare broken.yaml", "broken.yaml:2: not valid YAML"),
        ("compare empty.yaml", "empty.yaml: the file says nothing (legal: a workload: name, la"),
        ("compare net.onnx", "net.onnx: not an ONNX model, or truncated"),
        ("import model.pt", "reading a PyTorch file may run code: name the module that makes"),
        ("chip red_date2019 --area 50", "--area: got '50' (legal: a number above 0 with mm2, cm2"),
        ("model missing.yaml", "missing.yaml"),
        ("sweep rows.yaml -o out", "rowz: unknown parameter; did you mean 'rows'?"),
        ("simulate red_date2019:GAN_Deconv3 --design eyeriss", "eyeriss has no crossbars"),
        ("export red_date2019 -o out", "--layer: 'red_date2019' has 6 layers (legal: GAN_Deconv1"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    arguments: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert not said.out
    (line,) = [text for text in said.err.splitlines() if text.startswith("Error: ")]
    assert message in line
    assert set(said.err.splitlines()) - {line} <= {
        text for text in said.err.splitlines() if text.startswith(("Usage:", "Try '")) or not text
    }
    assert not (tmp_path / "out").exists()


def test_a_failing_command_leaves_no_empty_folder(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    for folder in (kept, tmp_path / "new" / "inner"):
        with pytest.raises(SystemExit):
            main(["chip", "dcgan", "--area", "50", "-o", str(folder)])
    assert list(tmp_path.iterdir()) == [kept]  # what was there before stays
