"""What the documentation tells a reader to do works: commands, Python blocks, the site."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from places import ROOT

from red_timeloop.cli.main import cli, main
from red_timeloop.components import registry
from red_timeloop.decomposition import decompose
from red_timeloop.views.drawing import draw
from red_timeloop.workload import load_workload

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

# First words of commands that are not run here, and why.
NOT_RUN = {
    "make": "sets up an environment of its own; what it runs is run here",
    "pip": "installs",
    "git": "fetches",
    "timeloop-mapper": "needs Timeloop",
    "timeloop-model": "needs Timeloop",
    "accelergy": "needs Accelergy",
}

# Commands that are not run here, and why.
LONG = {
    "compare --all": "the whole zoo takes a minute and has tests of its own",
    "reproduce": "takes a minute; has tests of its own",
    "simulate red_date2019:GAN_Deconv3 --adc-bits 6 --variation 0.02": "runs in docs/dataflow.md",
    "verify red_date2019": "executes all layers at full size; has tests of its own",
}

# Commands whose answer depends on the machine, and the exit codes that are right.
EXIT_CODES = {"doctor": {0, 1}}

# Pages whose commands read files that another page shows.
BORROWED = {
    "README.md": ("docs/tutorial.md", "docs/specifications.md", "docs/sweeps.md"),
    "mapper.md": ("docs/specifications.md",),
    "adding-a-design.md": ("docs/adding-a-component.md",),
}


def prepare_onnx(folder: Path, sizes: list[int | str]) -> None:
    """Make the ONNX file that pages read, with an input of these sizes."""
    onnx = pytest.importorskip("onnx", reason="needs the dependency group frontends")
    helper = onnx.helper
    floats = onnx.TensorProto.FLOAT
    shape = helper.make_tensor_value_info("input", floats, sizes)
    weights = helper.make_tensor("weights", floats, [3, 4, 4, 4], [0.0] * 192)
    node = helper.make_node("ConvTranspose", ["input", "weights"], ["output"], strides=[2, 2])
    output = helper.make_tensor_value_info("output", floats, None)
    graph = helper.make_graph([node], "decoder", [shape], [output], [weights])
    onnx.save(helper.make_model(graph), folder / "decoder.onnx")


def prepare_models(folder: Path, names: dict[str, Any]) -> None:
    """Make the models that the page on importing reads."""
    prepare_onnx(folder, ["n", 3, "h", "w"])
    torch = pytest.importorskip("torch", reason="needs the dependency group frontends")
    keras = pytest.importorskip("keras", reason="needs the dependency group frontends")
    up = keras.layers.Conv2DTranspose(4, 4, strides=2, padding="same")
    keras.Sequential([keras.Input((None, None, 3), name="image"), up]).save(folder / "model.keras")
    (folder / "my_package").mkdir()
    (folder / "my_package/__init__.py").touch()
    (folder / "my_package/nets.py").write_text(
        "import torch\n\n\nclass Decoder(torch.nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.up = torch.nn.ConvTranspose2d(100, 8, 4)\n\n"
        "    def forward(self, z):\n        return self.up(z)\n\n\n"
        "def make_decoder():\n    return Decoder()\n"
    )
    names["decoder"] = torch.nn.ConvTranspose2d(3, 8, 4, stride=2)
    names["example"] = torch.zeros(1, 3, 8, 8)


def prepare_readme(folder: Path, names: dict[str, Any]) -> None:
    """Make the model and the arrays that the README names."""
    import numpy

    prepare_onnx(folder, [1, 3, 8, 8])
    prepare_networks(folder, names)
    names["inputs"] = numpy.ones((1, 512, 4, 4), dtype=int)
    names["weights"] = numpy.ones((512, 256, 4, 4), dtype=int)


def prepare_networks(folder: Path, names: dict[str, Any]) -> None:
    """Put the shipped networks where pages look for them, and a picture."""
    for module in ("onnxruntime", "skimage", "sklearn"):
        pytest.importorskip(module, reason="needs the dependency group frontends")
    image = pytest.importorskip("PIL.Image", reason="needs the dependency group frontends")
    shutil.copytree(ROOT / "examples", folder / "examples", dirs_exist_ok=True)
    image.new("L", (40, 30), 90).save(folder / "page.png")


def prepare_design(folder: Path, names: dict[str, Any]) -> None:
    """Put the architecture beside the design, whose page links to it."""
    shutil.copy(ROOT / "docs/examples/half_split.yaml", folder)


# What a page takes for granted.
PREPARE: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "README.md": prepare_readme,
    "importing.md": prepare_models,
    "adding-a-design.md": prepare_design,
    "running.md": prepare_networks,
}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    title: str | None
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in re.finditer(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', text, re.M | re.S):
        line = text[: found.start()].count("\n") + 2
        yield Block(found[1], found[2], _included(found[3]), line)


def _included(text: str) -> str:
    """Put in the files that a block includes."""
    return re.sub(
        r'^--8<-- "(.+)"$', lambda found: (ROOT / found[1]).read_text().rstrip(), text, flags=re.M
    )


def commands(block: Block) -> Iterator[list[str]]:
    prompts = any(line.startswith("$ ") for line in block.text.splitlines())
    joined = block.text.replace("\\\n", " ")
    for line in joined.splitlines():
        if prompts and not line.startswith("$ "):
            continue  # what the command prints
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words:
            yield words


RUNNABLE = [
    page for page in PAGES if any(block.language in ("console", "python") for block in blocks(page))
]


def test_pages_are_found() -> None:
    assert len(PAGES) > 10
    assert len(RUNNABLE) >= 7


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_does_what_it_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_registered", {})  # a page registers for itself alone
    before = set(sys.modules)
    for lender in BORROWED.get(page.name, ()):
        for block in blocks(ROOT / lender):
            if block.title:
                (tmp_path / block.title).write_text(block.text)
    names: dict[str, Any] = {}
    if page.name in PREPARE:
        PREPARE[page.name](tmp_path, names)
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.title:
            (tmp_path / block.title).write_text(block.text)
        elif block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), names)
        elif block.language == "console":
            for words in commands(block):
                run(words, where)
    capsys.readouterr()
    for name in set(sys.modules) - before:
        if (tmp_path / f"{name}.py").is_file():
            del sys.modules[name]


def run(words: list[str], where: str) -> None:
    """Run a command in this process; `red-timeloop` is the only one that is run."""
    with ExitStack() as stack:
        if ">" in words:
            Path(words[-1]).parent.mkdir(exist_ok=True)
            stack.enter_context(redirect_stdout(stack.enter_context(Path(words[-1]).open("w"))))
            words = words[:-2]
        run_here(words, where)


def run_here(words: list[str], where: str) -> None:
    if words[0] in NOT_RUN or " ".join(words[1:]) in LONG:
        return
    if "--engine timeloop" in " ".join(words) and shutil.which("timeloop-model") is None:
        return
    assert words[0] == "red-timeloop", f"{where}: what is {words[0]!r}?"
    with pytest.raises(SystemExit) as ended:
        main(words[1:])
    legal = next((codes for name, codes in EXIT_CODES.items() if name in words), {0})
    assert ended.value.code in legal, f"{where}: {shlex.join(words)} ended with {ended.value.code}"


def test_every_command_is_in_the_documentation() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    missing = [
        name for name in cli.list_commands(click.Context(cli)) if f"red-timeloop {name}" not in text
    ]
    assert not missing


def test_every_page_is_in_the_navigation() -> None:
    content = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader=yaml.BaseLoader)

    def leaves(node: Any) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        else:
            for child in node.values() if isinstance(node, dict) else node:
                yield from leaves(child)

    docs = ROOT / "docs"
    pages = [*docs.rglob("*.md"), *docs.rglob("*.ipynb")]
    assert set(leaves(content["nav"])) == {str(page.relative_to(docs)) for page in pages}


@pytest.mark.parametrize("name", ["GAN_Deconv2", "GAN_Deconv3"])
def test_pictures_are_those_of_the_command(name: str) -> None:
    layer = load_workload(f"red_date2019:{name}").layers[0].layer
    ids = re.compile(rb'id="((?:step\d+|kernel|sub_crossbar|map)-[^"]+)"')
    stored = (ROOT / "docs/images" / f"{name}.svg").read_bytes()
    assert ids.findall(stored) == ids.findall(draw(layer).still())
    assert len(set(ids.findall(stored))) > decompose(layer).sub_crossbars


def test_site_builds_without_warnings_and_runs_the_notebooks(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the site needs the dependency group docs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    notebook = (tmp_path / "notebooks/what_decides/index.html").read_text()
    assert "columns a converter: step" in notebook, "the notebook's output is on its page"
    reference = (tmp_path / "reference/layers/index.html").read_text()
    assert "red_timeloop.layer.TransposedConv" in reference
