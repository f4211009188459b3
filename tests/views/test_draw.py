"""The picture says what the formula of the transposed convolution says, and files are whole."""

from __future__ import annotations

import re
import subprocess
import sys
from math import prod
from pathlib import Path
from xml.etree import ElementTree

import pytest

from red_timeloop import Conv, TransposedConv
from red_timeloop.errors import InputError
from red_timeloop.views.drawing import draw

SVG = "{http://www.w3.org/2000/svg}"

LAYERS = {
    "k4s2p1": TransposedConv(512, 256, (4, 4), 4, 2, 1, name="k4s2p1"),
    "k5s2p2": TransposedConv(8, 4, (4, 4), 5, 2, 2, output_padding=1, name="k5s2p2"),
    "k2s3": TransposedConv(8, 8, (3, 3), 2, 3, name="k2s3"),
    "asymmetric": TransposedConv(2, 2, (3, 4), (3, 5), (1, 2), [(0, 1), (2, 1)], name="asymmetric"),
    "dilated": TransposedConv(2, 2, (4, 4), 3, 2, 1, dilation=2, name="dilated"),
    "one_axis": TransposedConv(4, 4, (6,), 8, 4, 2, name="one_axis"),
    "planes": TransposedConv(4, 4, (2, 3, 3), 4, 2, 1, name="planes"),
}
PLACE = r"(-?\d+(?:\.-?\d+)+)"


def found(pattern: str, svg: bytes) -> list[tuple[str, ...]]:
    names = (element.get("id", "") for element in ElementTree.fromstring(svg).iter())
    return [match.groups() for name in names if (match := re.fullmatch(pattern, name))]


def at(text: str, layer: TransposedConv | Conv) -> tuple[int, ...]:
    """A place on the layer's axes; a layer with one axis is drawn as a row."""
    return tuple(map(int, text.split(".")))[-layer.ndim :]


def lands_on(layer: TransposedConv | Conv, pixel: tuple[int, ...], tap: tuple[int, ...]):
    """The output pixel that tap `tap` of input pixel `pixel` contributes to (PyTorch's formula)."""
    before = [pad[0] for pad in layer.padding]
    return tuple(
        i * s + k * d - p
        for i, k, s, d, p in zip(pixel, tap, layer.stride, layer.dilation, before, strict=True)
    )


@pytest.mark.parametrize("name", LAYERS)
def test_what_drives_a_sub_crossbar_lands_on_the_outputs_of_its_mode(name: str) -> None:
    layer = LAYERS[name]
    svg = draw(layer, steps=3).still()
    kernel = found(rf"kernel-{PLACE}-mode-(\d+)", svg)
    drawn = {at(tap, layer): int(mode) for tap, mode in kernel}
    assert len(drawn) == prod(layer.kernel_size)
    made = {
        (step, at(pixel, layer)): int(mode)
        for step, pixel, mode in found(rf"step(\d+)-out-{PLACE}-(\d+)", svg)
    }
    driven = set()
    for step, where, source in found(rf"step(\d+)-tap-{PLACE}-{PLACE}", svg):
        tap, output = at(where, layer), lands_on(layer, at(source, layer), at(where, layer))
        mode = 0
        for place, stride in zip(output, layer.stride, strict=True):
            mode = mode * stride + place % stride
        assert drawn[tap] == mode == made[step, output]
        driven.add((step, tap))
    # every tap of a mode that makes an output drives it, and nothing else
    assert driven
    assert driven == {
        (step, tap) for (step, _), mode in made.items() for tap, own in drawn.items() if own == mode
    }


@pytest.mark.parametrize("name", LAYERS)
def test_the_window_holds_the_pixels_that_are_read_and_says_which_are_read_again(name: str) -> None:
    layer = LAYERS[name]
    svg = draw(layer, steps=3).still()
    windows: dict[str, dict[tuple[int, ...], str]] = {}
    for step, kind, pixel in found(rf"step(\d+)-(new|again|zero)-{PLACE}", svg):
        windows.setdefault(step, {})[at(pixel, layer)] = kind
    before: dict[tuple[int, ...], str] = {}
    for step, window in sorted(windows.items()):
        for pixel, kind in window.items():
            inside = all(0 <= i < size for i, size in zip(pixel, layer.input_size, strict=True))
            assert kind == ("zero" if not inside else "again" if pixel in before else "new")
        reads = found(rf"step{step}-tap-{PLACE}-{PLACE}", svg)
        assert {at(source, layer) for _, source in reads} <= set(window)
        before = window


def test_a_pixel_keeps_its_name_from_step_to_step() -> None:
    root = ElementTree.fromstring(draw(LAYERS["k4s2p1"]).animated())
    texts = {}
    for element in root.iter(f"{SVG}text"):
        match = re.fullmatch(rf"step\d+-tap-{PLACE}-(\d)\.(\d)", element.get("id", ""))
        if match:
            texts.setdefault(element.text, set()).add((match[2], match[3]))
    assert texts == {
        f"{letter}{column}": {(str(row), str(column))}
        for row, letter in enumerate("abcd")
        for column in range(4)
    }


def test_the_animation_makes_every_output_pixel_once() -> None:
    svg = draw(LAYERS["k5s2p2"]).animated()
    outputs = [(pixel, int(step)) for step, pixel in found(rf"step(\d+)-out-{PLACE}-\d", svg)]
    assert sorted(p for p, _ in outputs) == sorted(f"{r}.{c}" for r in range(8) for c in range(8))
    assert {step for _, step in outputs} == set(range(16))
    for step in range(16):  # 16 frames and 2 in which the last stays
        begin = "0%" if step == 0 else f"{100 * step / 18:.4g}%"
        assert f"@keyframes f{step}-{step}of16{{".encode() in svg
        assert f"{begin}{{visibility:visible}}".encode() in svg
    assert b"prefers-reduced-motion" in svg


def test_files_stand_alone_and_describe_themselves() -> None:
    drawing = draw(LAYERS["k4s2p1"])
    for svg in (drawing.still(), drawing.animated()):
        root = ElementTree.fromstring(svg)
        assert root.findtext(f"{SVG}title") == "k4s2p1 on RED"
        assert "16 sub-crossbars" in (root.findtext(f"{SVG}desc") or "")
        assert not {element.tag for element in root.iter()} & {f"{SVG}script", f"{SVG}image"}
        assert not [k for e in root.iter() for k in e.attrib if k.endswith("href")]
        words = [element.text or "" for element in root.iter(f"{SVG}text")]
        assert any(word.startswith("16 sub-crossbars") for word in words), "text is text"
        assert len(svg) < 60_000
    assert drawing.still() == drawing.still(), "equal input gives an equal file"
    assert b"/FontFile2" in drawing.still("pdf"), "the fonts are embedded"


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
    assert found(r"(step0-out-0\.0-0)", drawing.still())
    assert len(drawing.animated()) < 1e6


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
