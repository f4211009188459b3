"""The picture says what the formula of the transposed convolution says, and files are whole."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from red_timeloop import Conv, TransposedConv
from red_timeloop.errors import InputError
from red_timeloop.report.drawing import draw

SVG = "{http://www.w3.org/2000/svg}"

LAYERS = {
    "k4s2p1": TransposedConv(512, 256, (4, 4), 4, 2, 1, name="k4s2p1"),
    "k5s2p2": TransposedConv(8, 4, (4, 4), 5, 2, 2, output_padding=1, name="k5s2p2"),
    "k2s3": TransposedConv(8, 8, (3, 3), 2, 3, name="k2s3"),
    "asymmetric": TransposedConv(2, 2, (3, 4), (3, 5), (1, 2), [(0, 1), (2, 1)], name="asymmetric"),
    "dilated": TransposedConv(2, 2, (4, 4), 3, 2, 1, dilation=2, name="dilated"),
    "one_axis": TransposedConv(4, 4, (6,), 8, 4, 2, name="one_axis"),
}


def ids(svg: bytes) -> list[str]:
    return [element.get("id", "") for element in ElementTree.fromstring(svg).iter()]


def pairs(pattern: str, names: list[str]) -> list[tuple[int, ...]]:
    found = (re.fullmatch(pattern, name) for name in names)
    return [tuple(map(int, match.groups())) for match in found if match]


def values(layer: TransposedConv | Conv, key: str, default: int) -> tuple[int, int]:
    """An attribute for two axes, the first of a layer with one axis being a point."""
    both = getattr(layer, key)
    return both if len(both) == 2 else (default, both[0])


def lands_on(layer: TransposedConv | Conv, pixel: tuple[int, int], tap: tuple[int, int]):
    """The output pixel that tap `tap` of input pixel `pixel` contributes to (PyTorch's formula)."""
    stride, dilation = values(layer, "stride", 1), values(layer, "dilation", 1)
    before = [pad[0] for pad in layer.padding]
    before = before if len(before) == 2 else [0, *before]
    return tuple(
        i * s + k * d - p
        for i, k, s, d, p in zip(pixel, tap, stride, dilation, before, strict=True)
    )


@pytest.mark.parametrize("name", LAYERS)
def test_what_drives_a_sub_crossbar_lands_on_the_outputs_of_its_mode(name: str) -> None:
    layer = LAYERS[name]
    names = ids(draw(layer, steps=3).still())
    number = r"(-?\d+)"
    reads = pairs(rf"step-{number}-sub_crossbar-{number}\.{number}-reads-{number}\.{number}", names)
    made = {
        (step, (row, column)): mode
        for step, row, column, mode, seen in pairs(
            rf"step-{number}-output-{number}\.{number}-mode-{number}-seen-{number}", names
        )
        if seen == step
    }
    stride = values(layer, "stride", 1)
    drawn = {
        (k, m): mode for k, m, mode in pairs(rf"kernel-{number}\.{number}-mode-{number}", names)
    }
    assert len(drawn) == values(layer, "kernel_size", 1)[0] * values(layer, "kernel_size", 1)[1]
    assert reads
    for step, k, m, y, x in reads:
        row, column = lands_on(layer, (y, x), (k, m))
        mode = (row % stride[0]) * stride[1] + column % stride[1]
        assert drawn[k, m] == mode
        assert made[step, (row, column)] == mode
    # every tap of a mode that makes an output drives it, and nothing else
    expected = {
        (step, k, m)
        for (step, _), mode in made.items()
        for (k, m), own in drawn.items()
        if own == mode
    }
    assert {(step, k, m) for step, k, m, _, _ in reads} == expected


@pytest.mark.parametrize("name", LAYERS)
def test_the_window_holds_the_pixels_that_are_read(name: str) -> None:
    layer = LAYERS[name]
    names = ids(draw(layer).still())
    number = r"(-?\d+)"
    size = values(layer, "input_size", 1)
    real = set(pairs(rf"step-{number}-input-{number}\.{number}-window-\d+", names))
    zeros = set(pairs(rf"step-{number}-input-{number}\.{number}-zero", names))
    assert all(0 <= y < size[0] and 0 <= x < size[1] for _, y, x in real)
    assert not any(0 <= y < size[0] and 0 <= x < size[1] for _, y, x in zeros)
    reads = pairs(rf"step-{number}-sub_crossbar-\d+\.\d+-reads-{number}\.{number}", names)
    assert set(reads) <= real | zeros


def test_the_animation_makes_every_output_pixel_once() -> None:
    layer = LAYERS["k5s2p2"]
    root = ElementTree.fromstring(draw(layer).animated())
    outputs = {}
    for element in root.iter():
        match = re.fullmatch(r"step-(\d+)-output-(\d+)\.(\d+)-mode-\d+", element.get("id", ""))
        if match:
            step, row, column = map(int, match.groups())
            assert element.get("class") == f"frame f{step}-{step}"
            assert (row, column) not in outputs
            outputs[row, column] = step
    assert set(outputs) == {(row, column) for row in range(8) for column in range(8)}
    assert set(outputs.values()) == set(range(16))
    style = root.find(f"{SVG}style")
    assert style is not None
    assert style.text is not None
    for step in range(16):  # 16 frames and 2 in which the last stays
        begin = "0.0000%" if step == 0 else f"{100 * step / 18:.4f}%"
        assert f"@keyframes f{step}-{step} {{" in style.text
        assert f"{begin} {{ visibility: visible; }}" in style.text
    assert "prefers-reduced-motion" in style.text


def test_files_stand_alone_and_describe_themselves() -> None:
    drawing = draw(LAYERS["k4s2p1"])
    for svg in (drawing.still(), drawing.animated()):
        root = ElementTree.fromstring(svg)
        assert root.findtext(f"{SVG}title") == "k4s2p1 on RED"
        assert "16 sub-crossbars" in (root.findtext(f"{SVG}desc") or "")
        tags = {element.tag for element in root.iter()}
        assert not tags & {f"{SVG}text", f"{SVG}script", f"{SVG}image"}
        links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
        assert links
        assert all(link.startswith("#") for link in links)
        assert set(re.findall(rb"url\((.)", svg)) <= {b"#"}
    assert drawing.still() == drawing.still(), "equal input gives an equal file"
    assert b"/FontFile2" in drawing.still("pdf"), "the fonts are embedded"


def test_gif_has_a_picture_for_each_step(tmp_path: Path) -> None:
    from PIL import Image

    content = draw(LAYERS["one_axis"]).animated("gif")
    with Image.open(io.BytesIO(content)) as image:
        assert image.n_frames == 6  # 24 output pixels, four at once
        assert image.info["loop"] == 0


@pytest.mark.parametrize(
    "layer",
    [
        TransposedConv(21, 21, (70, 70), 16, 8, name="fcn"),
        TransposedConv(80, 80, (63,), 1024, 256, name="waveglow"),
        Conv(3, 8, (12, 12), 5, 2, 2, name="conv"),
        TransposedConv(1, 1, (1, 1), 1, name="point"),
    ],
    ids=lambda layer: layer.name,
)
def test_any_kernel_and_stride_can_be_drawn(layer: TransposedConv | Conv) -> None:
    drawing = draw(layer, steps=2)
    names = ids(drawing.still())
    assert any(name.startswith("step-0-output-0.0-") for name in names)
    assert len(drawing.animated()) < 4e6


def test_three_axes_are_refused_by_name() -> None:
    layer = TransposedConv(2, 2, (4, 4, 4), 4, 2, name="volume")
    with pytest.raises(InputError, match=r"volume has 3 spatial axes.*1 or 2 spatial axes"):
        draw(layer)


@pytest.mark.parametrize("steps", [0, 5])
def test_steps_that_do_not_fit_are_refused(steps: int) -> None:
    with pytest.raises(InputError, match=f"steps: got {steps} .*1 to 4"):
        draw(LAYERS["k4s2p1"], steps=steps)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "red_timeloop.cli.main", "draw", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_command_writes_the_still_and_the_moving_figure(tmp_path: Path) -> None:
    result = run("red_date2019:GAN_Deconv3", "-o", str(tmp_path / "figures"), "--steps", "2")
    assert result.returncode == 0, result.stderr
    written = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert written == ["GAN_Deconv3-animated.svg", "GAN_Deconv3.svg"]
    assert [Path(line).name for line in result.stdout.split()] == [written[1], written[0]]


def test_command_refuses_an_unknown_layer() -> None:
    result = run("red_date2019:GAN_Deconv9")
    assert result.returncode == 2
    assert "GAN_Deconv9" in result.stderr
    assert "Traceback" not in result.stderr
