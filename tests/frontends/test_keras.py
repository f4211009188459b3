"""Keras models: layers that compute what Keras computes, and an account of every operation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from random import Random

import numpy as np
import pytest
from oracle import configurations

from red_timeloop import decompose
from red_timeloop.errors import InputError
from red_timeloop.frontends import keras as frontend
from red_timeloop.frontends.read import read_workload

if find_spec("torch") is None:
    pytest.skip("the tests run Keras on torch", allow_module_level=True)
os.environ["KERAS_BACKEND"] = "torch"
keras = pytest.importorskip("keras", minversion="3.15")  # older ones shift SAME by a pixel on torch
layers = keras.layers


def _channels_first(values, layer):
    return np.moveaxis(values, -1, 1) if layer.data_format == "channels_last" else values


def test_layers_compute_what_keras_computes():
    random, values = Random(11), np.random.default_rng(11)
    agreed, crops = 0, set()
    for _ in range(450):
        c = configurations.draw(random)
        unit = [1] * c["ndim"]  # Keras does not combine strides and dilations
        strided = random.random() < 0.7
        arguments = {
            "kernel_size": c["kernel"],
            "strides": c["stride"] if strided else unit,
            "dilation_rate": unit if strided else c["dilation"],
            "padding": random.choice(["same", "valid"]),
            "data_format": random.choice(["channels_last", "channels_first"]),
        }
        if not c["transposed"]:
            arguments["groups"] = c["groups"]
        elif random.random() < 0.3:
            arguments["output_padding"] = [random.randrange(s) for s in arguments["strides"]]
        shape = [2, c["in_channels"], *c["input"]]
        if arguments["data_format"] == "channels_last":
            shape = [2, *c["input"], c["in_channels"]]
        kind = f"Conv{c['ndim']}D{'Transpose' * c['transposed']}"
        try:
            layer = getattr(layers, kind)(c["out_channels"], use_bias=False, **arguments)
            tensor = keras.Input(batch_shape=shape)
            model = keras.Model(tensor, layer(tensor))
        except ValueError:
            continue  # no output
        if 0 in model.output_shape:
            continue
        weights = values.integers(-8, 8, layer.kernel.shape)
        layer.kernel.assign(weights.astype("float32"))
        inputs = values.integers(-8, 8, shape)
        expected = keras.ops.convert_to_numpy(model(inputs.astype("float32")))
        (entry,) = frontend.load(model).workload.layers
        outputs = decompose(entry.layer).apply(
            _channels_first(inputs, layer), np.moveaxis(weights, (-1, -2), (0, 1))
        )
        message = f"{kind} {arguments} {shape}"
        np.testing.assert_array_equal(outputs, _channels_first(expected, layer), message)
        agreed += 1
        crops |= {before - after for before, after in entry.layer.padding}
    assert agreed > 300
    assert {-1, 0} <= crops


def test_same_crops_the_odd_pixel_at_the_end():
    model = keras.Sequential([keras.Input((8, 8, 4)), layers.Conv2DTranspose(2, 5, 2, "same")])
    shapes = {model.inputs[0].name: (3, 8, 8, 4)}
    (entry,) = frontend.load(model, shapes=shapes).workload.layers
    assert entry.layer.padding == ((1, 2), (1, 2))
    assert entry.layer.output_size == (16, 16)
    assert entry.layer.batch == 3


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="that backend is there")
def test_a_configured_backend_that_is_not_there_is_replaced(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "keras.json").write_text(json.dumps({"backend": "tensorflow"}))
    tensor = keras.Input(batch_shape=(1, 4))
    keras.Model(tensor, layers.Dense(2)(tensor)).save(tmp_path / "m.keras")
    variables = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    run = subprocess.run(
        [sys.executable, "-m", "red_timeloop.cli.main", "import", str(tmp_path / "m.keras")],
        capture_output=True,
        text=True,
        check=False,
        env={**variables, "KERAS_HOME": str(home)},
    )
    assert run.returncode == 0, run.stderr
    assert "out_channels: 2" in run.stdout


@keras.saving.register_keras_serializable(package="tests")
class Scaled(layers.Layer):
    """A custom layer of Keras operations, which can be seen through."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(4, name="inner")

    def call(self, inputs):
        return keras.ops.multiply(self.dense(inputs), 2.0)


class Opaque(layers.Layer):
    """A custom layer that computes behind Keras's back."""

    def call(self, inputs):
        return inputs.detach()

    def compute_output_shape(self, input_shape):
        return input_shape


def _network(custom):
    image = keras.Input((None, None, 3), name="image")
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    x = shared(shared(image))
    x = layers.SeparableConv2D(8, 3, strides=2, name="separable")(x)
    x = layers.Conv2DTranspose(4, 4, 2, "same", name="up")(x)
    x = keras.ops.relu(layers.BatchNormalization(name="norm")(x))
    x = custom(x)
    x = layers.Reshape((-1, 4), name="rows")(x)
    x = keras.ops.matmul(keras.ops.transpose(x, (0, 2, 1)), x)
    x = layers.TimeDistributed(layers.Dense(6), name="steps")(x)
    x = layers.LSTM(5, name="lstm")(x)
    inner = keras.Sequential([layers.Dense(3, name="d1"), layers.ReLU()], name="inner")
    return keras.Model(image, inner(x), name="network")


def test_every_operation_is_accounted_for():
    model = _network(Scaled(name="scaled"))
    imported = frontend.load(model, shapes={"image": (1, 32, 32, 3)})
    found = {entry.name: (entry.repeat, entry.layer.macs) for entry in imported.workload.layers}
    assert found["shared"][0] == 2
    assert found["separable_1"][1] == 15 * 15 * 3 * 9
    assert found["separable_2"][1] == 15 * 15 * 3 * 8
    assert found["inner"][1] == 30 * 30 * 4 * 4
    assert found["steps"][1] == 4 * 4 * 6
    assert found["d1"][1] == 15
    assert found["up"][0] == 1
    left = {operator.type: operator.macs for operator in imported.not_modelled}
    assert left == {"Matmul": 4 * 900 * 4, "LSTM": 4 * 4 * 5 * (6 + 5)}
    free = {operator.type for operator in imported.operators if operator.status == "free"}
    assert {"BatchNormalization", "Relu", "Reshape", "Transpose", "Multiply", "ReLU"} <= free


def test_layers_that_cannot_be_seen_through_are_not_modelled():
    imported = frontend.load(_network(Opaque(name="opaque")), shapes={"image": (1, 32, 32, 3)})
    first = imported.not_modelled[0]
    assert (first.name, first.type, first.macs) == ("opaque", "Opaque", None)
    with pytest.raises(InputError, match="operators are not modelled: Opaque 'opaque'"):
        imported.require_complete()
    assert "wrap" not in keras.layers.Layer.symbolic_call.__qualname__  # put back


def test_open_sizes_are_asked_for_by_name():
    model = _network(Scaled())
    asked = r"open: image \?x\?x\?x3 \(legal: --shape image=1x64x64x3\)"
    with pytest.raises(InputError, match=asked):
        frontend.load(model)
    with pytest.raises(InputError, match=r"no input 'x' \(legal: image\)"):
        frontend.load(model, shapes={"x": (1, 2, 3, 4)})
    with pytest.raises(InputError, match="image has 4 axes, not 3"):
        frontend.load(model, shapes={"image": (1, 2, 3)})
    wrong = r"image has the size 3 there, not 4 \(legal: --shape image=1x64x64x3\)"
    with pytest.raises(InputError, match=wrong):
        frontend.load(model, shapes={"image": (1, 32, 32, 4)})
    with pytest.raises(
        InputError, match="kernel spans 3 pixels on axis 0, but the padded input has 1"
    ):
        frontend.load(model, shapes={"image": (1, 1, 1, 3)})
    first, second = keras.Input((None, 4), name="first"), keras.Input((None, 4), name="second")
    both = keras.Model([first, second], layers.Dense(2)(layers.Add()([first, second])))
    with pytest.raises(InputError, match="does not run on the given shapes"):
        frontend.load(both, shapes={"first": (1, 3, 4), "second": (1, 5, 4)})
    with pytest.raises(InputError, match="does not say the sizes"):
        frontend.load(keras.Sequential([layers.Dense(3)]))


def test_an_open_batch_is_asked_for():
    image = keras.Input((8, 8, 3), name="image")
    code = keras.Input((5,), batch_size=2, name="code")
    noise = keras.Input((None, 4), name="noise")
    tensors = [layers.Conv2D(2, 3)(image), layers.Dense(2)(code), layers.Dense(2)(noise)]
    model = keras.Model([image, code, noise], tensors)
    asked = (
        r"image \?x8x8x3; noise \?x\?x4 "
        r"\(legal: --shape image=1x8x8x3 --shape noise=1x64x4\)"
    )
    with pytest.raises(InputError, match=asked):
        frontend.load(model)
    imported = frontend.load(model, shapes={"image": (4, 8, 8, 3), "noise": (4, 7, 4)})
    assert {entry.layer.batch for entry in imported.workload.layers} == {4, 2}
    assert not any("batch" in note for note in imported.workload.unconfirmed)


def test_files_are_read_without_their_weights(tmp_path):
    path = tmp_path / "m.keras"
    _network(Scaled()).save(path)
    bare = tmp_path / "bare.keras"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(bare, "w") as copy:
        copy.writestr("config.json", archive.read("config.json"))
    imported = frontend.load(bare, shapes={"image": (1, 32, 32, 3)})
    assert imported.workload.name == "bare"
    assert len(imported.workload.layers) == 7


def test_files_with_code_are_refused(tmp_path):
    tensor = keras.Input((4,))
    model = keras.Model(tensor, layers.Lambda(lambda x: x + 1)(layers.Dense(2)(tensor)))
    path = tmp_path / "m.keras"
    model.save(path)
    with pytest.raises(InputError, match=r"m\.keras: Keras cannot rebuild the model in safe mode"):
        frontend.load(path)


def test_damaged_files_end_in_a_clear_error(tmp_path):
    path = tmp_path / "m.keras"
    _network(Scaled()).save(path)
    whole = path.read_bytes()
    for content in (b"", b"hello", whole[:100], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"m\.keras: not a Keras 3 model, or truncated"):
            frontend.load(path)
    for config in ({}, {"class_name": "Functional"}, [1], {"module": "os", "class_name": "system"}):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", json.dumps(config))
        with pytest.raises(InputError, match=r"m\.keras"):
            frontend.load(path)
    with pytest.raises(InputError, match="cannot read: No such file"):
        frontend.load(tmp_path / "none.keras")


def test_a_batch_alone_that_is_open_may_be_assumed_and_is_noted(tmp_path):
    up = layers.Conv2DTranspose(2, 4, strides=2, name="up")
    keras.Sequential([keras.Input((5, 6, 3), name="image"), up]).save(tmp_path / "net.keras")
    workload = read_workload(tmp_path / "net.keras")
    assert workload.layers[0].layer.batch == 1
    assert "batch: the model leaves it open, 1 is assumed" in workload.unconfirmed
    given = frontend.load(tmp_path / "net.keras", shapes={"image": (3, 5, 6, 3)}, batch=1).workload
    assert given.layers[0].layer.batch == 3
    assert not any("is assumed" in note for note in given.unconfirmed if "batch" in note)
    wide = keras.Sequential([keras.Input((None, 6, 3), name="image"), layers.Conv2D(2, 3)])
    with pytest.raises(InputError, match=r"leaves sizes of its inputs open: image \?x\?x6x3"):
        frontend.load(wide, batch=1)
