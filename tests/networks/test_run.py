"""What a run of a network says: the shipped networks, their measures, and refusals."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from places import ROOT

pytest.importorskip("onnx", reason="needs the dependency group frontends")
pytest.importorskip("onnxruntime", reason="needs the dependency group frontends")
pytest.importorskip("skimage", reason="needs the dependency group frontends")
Image = pytest.importorskip("PIL.Image", reason="needs the dependency group frontends")

from networks.models import computed, model  # noqa: E402

from red_timeloop.cli.main import main  # noqa: E402
from red_timeloop.dataflow.nonideal import Nonidealities  # noqa: E402
from red_timeloop.errors import InputError  # noqa: E402
from red_timeloop.hardware import Hardware  # noqa: E402
from red_timeloop.networks import scores  # noqa: E402
from red_timeloop.networks.inputs import Normalization  # noqa: E402
from red_timeloop.networks.run import run  # noqa: E402

EXAMPLES = ROOT / "examples"
OWN = Hardware.load()
SEGMENTATION = EXAMPLES / "digits_segmentation.onnx"
RANDOM = np.random.default_rng(0)
WEIGHTS = RANDOM.normal(0, 1, (3, 4, 4, 4)).astype(np.float32)
UP = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
DECODER = model([("ConvTranspose", ["x", "w"], ["y"], UP)], {"w": WEIGHTS}, {"x": ["n", 3, 8, 8]})
X = RANDOM.uniform(0, 1, (5, 3, 8, 8)).astype(np.float32)


def arrays(name: str):
    with np.load(EXAMPLES / f"{name}.npz") as found:
        return found["input"], found["labels"]


def test_the_shipped_networks_are_small_and_as_good_as_their_page_says() -> None:
    for name in ("digits_generator", "digits_segmentation"):
        assert (EXAMPLES / f"{name}.onnx").stat().st_size <= 200_000
    inputs, masks = arrays("digits_segmentation")
    result = run(SEGMENTATION, inputs, masks, hardware=OWN)
    iou = {each.model: each.iou for each in result.qualities}
    assert iou["float"] > 0.92
    assert abs(iou["integer"] - iou["float"]) < 0.005
    assert iou["red"] == iou["integer"]  # 128 rows of 2-bit cells and 8-bit converters lose nothing


def test_generated_digits_are_recognised() -> None:
    pytest.importorskip("sklearn", reason="needs the dependency group frontends")
    score = scores.load_score(f"{EXAMPLES / 'digits_score.py'}:recognised")
    result = run(EXAMPLES / "digits_generator.onnx", *arrays("digits_generator"), score=score)
    assert [each.score > 0.9 for each in result.qualities] == [True] * 3


def test_kernel_pixels_on_crossbars_of_their_own_need_fewer_bits() -> None:
    """RED's columns sum over C rows, zero padding's over K*K*C: coarser codes for the same bits."""
    inputs, _ = arrays("digits_segmentation")
    result = run(
        SEGMENTATION,
        inputs[:2],
        designs=["red", "zero_padding"],
        hardware=OWN.replace(adc_bits=6, rows=None, columns=None),
    )
    own = {(each.design, each.kind): each.own_db for each in result.layers}
    assert own["red", "ConvTranspose"] > own["zero_padding", "ConvTranspose"] + 5


def test_batches_and_seeds() -> None:
    cells = Nonidealities(variation=0.1, seed=2)
    first, again, other = (
        run(DECODER, X, nonidealities=each, batch=batch).outputs["red"]["y"]
        for each, batch in ((cells, 2), (cells, 16), (Nonidealities(variation=0.1, seed=3), 16))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_layers_add_up_and_saturations_are_said() -> None:
    result = run(DECODER, X, hardware=OWN.replace(adc_bits=3), adc_step=1)
    (layer,) = result.layers
    assert 0 < layer.saturations < layer.conversions
    # One operator: what it loses is all that there is, but channels have scales of their own.
    assert layer.own_db == pytest.approx(layer.total_db, abs=3)
    assert result.qualities[2].integer_db == pytest.approx(layer.total_db)
    html = result._repr_html_()
    assert "saturations" in html
    assert html.count("<table>") == 2


def test_calibration_elsewhere_and_percentiles_cut() -> None:
    wide, narrow = run(DECODER, X, calibration=X * 16), run(DECODER, X)
    assert wide.qualities[1].float_db < narrow.qualities[1].float_db - 8  # four bits are unused
    cut = run(DECODER, X, percentile=50)
    assert cut.qualities[1].float_db < 20
    assert any("percentile 50" in note for note in cut.notes)


def test_measures_against_definitions() -> None:
    wanted = RANDOM.normal(0, 1, (2, 1, 9, 9))
    noise = RANDOM.normal(0, 0.1, wanted.shape)
    ratio = 10 * np.log10((wanted**2).sum() / (noise**2).sum())
    assert scores.sqnr(wanted + noise, wanted) == pytest.approx(ratio)
    peak = 10 * np.log10((wanted.max() - wanted.min()) ** 2 / (noise**2).mean())
    assert scores.psnr(wanted + noise, wanted) == pytest.approx(peak)
    assert scores.ssim(wanted, wanted) == pytest.approx(1)
    assert scores.ssim(wanted + noise, wanted) > scores.ssim(wanted + 5 * noise, wanted) > 0
    assert scores.psnr(wanted[:, 0, 0], wanted[:, 0, 0]) is None
    assert scores.top1(np.array([[0, 2], [3, 1], [0, 1]]), np.array([1, 1, 1])) == 2 / 3
    found, right = np.zeros((1, 3, 2, 2)), np.array([[[0, 1], [2, 2]]])
    found[0, 1, 0, :] = found[0, 2, 1, :] = 1  # class 1 above, class 2 below
    assert scores.iou(found, right) == pytest.approx((1 / 2 + 1) / 2)
    single = np.array([[[[0.9, 0.1], [0.6, 0.2]]]])
    assert scores.iou(single, np.array([[[1, 0], [0, 0]]])) == 1 / 2


def test_pictures_are_normalised_as_said(tmp_path) -> None:
    pixels = RANDOM.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    normalization = Normalization((0.5, 0.4, 0.3), (0.2, 0.2, 0.1))
    result = run(DECODER, tmp_path / "a.png", normalization=normalization)
    given = (pixels / 255 - [0.5, 0.4, 0.3]) / [0.2, 0.2, 0.1]
    np.testing.assert_allclose(result.inputs["x"][0], given.transpose(2, 0, 1), rtol=1e-5)
    assert "mean 0.5, 0.4, 0.3 and std 0.2, 0.2, 0.1" in result.notes[0]
    floats = computed("ConvTranspose", [result.inputs["x"], WEIGHTS], UP)
    np.testing.assert_allclose(result.outputs["float"]["y"], floats, rtol=1e-4, atol=1e-4)


def test_what_the_float_model_gives_is_untouched_by_folding() -> None:
    """Constants that are computed, a weight turned, and a value that is read twice."""
    network = model(
        [
            ("Transpose", ["w"], ["t"], {"perm": [1, 0, 2, 3]}),
            ("Conv", ["x", "t"], ["c"], {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}),
            ("Relu", ["c"], ["r"], {}),
            ("Add", ["c", "r"], ["y"], {}),
            ("Neg", ["y"], ["unused"], {}),
        ],
        {"w": RANDOM.normal(0, 1, (3, 4, 3, 3)).astype(np.float32)},
        {"x": [None, 3, 8, 8]},
    )
    result = run(network, X, input_bits=14, weight_bits=14)
    assert result.qualities[1].float_db > 70


def with_weights_given():
    return model(
        [("ConvTranspose", ["x", "w"], ["y"], UP)],
        {},
        {"x": ["n", 3, 8, 8], "w": [3, 4, 4, 4]},
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"inputs": X[:, :2]}, r"'x' has the shape 5x2x8x8 \(legal: \?x3x8x8\)"),
        ({"inputs": {"z": X}}, "inputs 'z' .legal: x"),
        ({"inputs": X[:0]}, "'x' has the shape 0x3x8x8"),
        ({"inputs": X.astype(complex)}, "'x' is of complex128"),
        ({"inputs": X * np.nan}, "calibration: 'y' has values that are not finite"),
        ({"model": with_weights_given()}, "its weights 'w' are an input of the model"),
        ({"labels": np.zeros(4)}, "4 labels for 5 images"),
        ({"labels": np.zeros((5, 2))}, r"labels \[5, 2\] fit no output"),
        ({"input_bits": 40}, "input_bits: got 40 .legal: 1 to 16"),
        ({"percentile": 0}, "percentile: got 0"),
        ({"batch": 0}, "batch: got 0"),
        (
            {"hardware": OWN.replace(dac_bits=2), "inputs": X - 0.5},
            "'y': negative inputs of 8 bits",
        ),
        ({"score": lambda outputs: 1 / 0}, "score: the score failed: ZeroDivisionError"),
        ({"calibration": X[:, :1]}, "'x' has the shape 5x1x8x8"),
        (
            {"model": model([("Relu", ["x"], ["y"], {})], {}, {"x": [None, 3, 8, 8]})},
            "nothing in it stands on crossbars: its operators are Relu",
        ),
    ],
)
def test_bad_input_is_refused(changed: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(**{"model": DECODER, "inputs": X, **changed})


def test_the_command(tmp_path, capsys) -> None:
    arguments = ["run", str(SEGMENTATION), "--input", str(EXAMPLES / "digits_segmentation.npz")]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--set", "adc_bits=6", "--format", "json", "-o", str(tmp_path / "out")])
    assert end.value.code == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "out/run.json").read_text())
    assert {each["model"] for each in printed["results"]} == {"float", "integer", "red"}
    assert (tmp_path / "out/output.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.png", b"no picture", "a.png: not a picture, or damaged .legal: PNG or JPEG"),
        ("a.jpg", None, "a.jpg: there is no such file"),
        ("a.npy", b"\x93NUMPY", "a.npy: not an array file, or damaged"),
        ("a.npz", b"PK", "a.npz: not an array file, or damaged"),
        ("a.txt", b"", "a.txt: is of no known kind"),
    ],
)
def test_files_that_are_none_end_with_one_line(tmp_path, capsys, name, content, message) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SystemExit) as end:
        main(["run", str(SEGMENTATION), "--input", str(file)])
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
