"""PyTorch modules: layers that compute what PyTorch computes, and an account of every operator."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from oracle import configurations

from red_timeloop import TransposedConv, decompose
from red_timeloop.errors import InputError
from red_timeloop.frontends import torch as frontend

torch = pytest.importorskip("torch")
nn = torch.nn
functional = torch.nn.functional


def _integers(*shape):
    return torch.randint(-8, 8, shape).float()


def test_layers_compute_what_torch_computes():
    torch.manual_seed(5)
    random, agreed = Random(5), 0
    for _ in range(350):
        c = configurations.draw(random)
        arguments = {key: c[key] for key in ("stride", "padding", "dilation", "groups")}
        name = f"Conv{'Transpose' * c['transposed']}{c['ndim']}d"
        if c["transposed"]:
            arguments["output_padding"] = c["output_padding"]
        module = getattr(nn, name)(
            c["in_channels"], c["out_channels"], c["kernel"], bias=False, **arguments
        )
        module.weight.data = _integers(*module.weight.shape)
        inputs = _integers(2, c["in_channels"], *c["input"])
        try:
            with torch.no_grad():
                expected = module(inputs).numpy()
        except (RuntimeError, ValueError):
            continue  # no output, or an output padding that torch refuses
        if not expected.size:
            continue
        (entry,) = frontend.load(module, inputs).workload.layers
        weights = module.weight.detach().numpy().astype(int)
        outputs = decompose(entry.layer).apply(inputs.numpy().astype(int), weights)
        np.testing.assert_array_equal(outputs, expected, err_msg=str(c))
        agreed += 1
    assert agreed > 200


class Decoder(nn.Module):
    """Modules and functions, nested, shared, normalised weights, attention, a recurrent layer."""

    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.Linear(8, 8), nn.GELU())
        self.rnn = nn.LSTM(8, 8, batch_first=True)
        self.up = nn.utils.parametrizations.weight_norm(nn.ConvTranspose1d(8, 4, 4, 2, 1))
        self.norm = nn.BatchNorm1d(4)
        self.shared = nn.Conv1d(4, 4, 3, padding="same")
        self.kernel = nn.Parameter(torch.ones(4, 2, 4))

    def forward(self, x):
        x, _ = self.rnn(self.block(x))
        x = functional.leaky_relu(self.norm(self.up(x.transpose(1, 2))))
        for _ in range(3):
            x = self.shared(x)
        x = x + functional.scaled_dot_product_attention(x, x, x)
        x = functional.conv_transpose1d(x, self.kernel, stride=2)
        return functional.conv1d(x, x[:, :, :3])


def test_every_operator_is_accounted_for():
    module = Decoder().train()
    imported = frontend.load(module, torch.randn(1, 5, 8))
    assert module.training
    assert module.norm.training
    found = {
        entry.name: (entry.repeat, entry.layer.transposed) for entry in imported.workload.layers
    }
    assert found["block.0"] == (1, False)
    assert found["up"] == (1, True)
    assert found["shared"] == (3, False)
    functional_ones = [name for name in found if name.startswith("convolution")]
    assert [found[name] for name in functional_ones] == [(1, True)]
    recurrent = [entry for entry in imported.workload.layers if entry.name.startswith("rnn")]
    assert sum(e.repeat * e.layer.macs for e in recurrent) == 5 * 8 * 32 + 4 * 8 * 32
    both = [op.macs for op in imported.not_modelled if "both factors" in op.reason]
    assert sum(both) == 2 * 4 * 4 * 10
    dynamic = [op.macs for op in imported.not_modelled if "weights depend" in op.reason]
    assert dynamic == [20 * 3 * 2 * 1]
    assert len(imported.not_modelled) == len(both) + len(dynamic)


def test_the_first_step_of_the_rnn_starts_from_zeros():
    """Its recurrent product is a constant, so that it is free: 4 of 5 products remain."""
    imported = frontend.load(Decoder(), torch.randn(1, 5, 8))
    free = [op for op in imported.operators if op.type == "addmm" and op.status == "free"]
    assert len(free) == 1


def test_a_product_with_one_expanded_matrix_is_one_layer():
    """PyTorch turns a linear layer on a transposed input into a batch of equal matrices."""

    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(16, 16)

        def forward(self, x):
            return self.rnn(x.permute(2, 0, 1))[0]

    imported = frontend.load(Turned(), torch.zeros(1, 16, 9))
    assert not imported.not_modelled
    sizes = [(e.repeat, e.layer.input_size) for e in imported.workload.layers]
    assert sizes == [(1, (9,)), (8, (1,))]


def test_a_stack_of_matrices_is_not_modelled():
    stack = torch.ones(3, 4, 5)
    linear = nn.Linear(4, 4)
    imported = frontend.load(lambda x: torch.bmm(linear(x), stack), torch.zeros(3, 2, 4))
    (left,) = imported.not_modelled
    assert (left.type, left.macs) == ("bmm", 3 * 2 * 4 * 5)


def test_unknown_operators_are_not_modelled():
    class Spectrum(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            return torch.fft.rfft(self.fc(x)).abs()

    imported = frontend.load(Spectrum(), torch.randn(1, 4))
    (left,) = imported.not_modelled
    assert (left.type, left.macs) == ("_fft_r2c", None)
    with pytest.raises(InputError, match="1 operators are not modelled: _fft_r2c"):
        imported.require_complete()


def test_large_modules_take_no_memory():
    with torch.device("meta"):
        module = nn.ConvTranspose2d(20_000, 20_000, 16)  # 400 GB of weights
    (entry,) = frontend.load(module, shapes=[(1, 20_000, 64, 64)]).workload.layers
    assert entry.layer.output_size == (79, 79)


def test_shapes_replace_the_example():
    module = nn.Conv2d(3, 2, 3)
    (entry,) = frontend.load(module, shapes={"input": (1, 3, 8, 8)}).workload.layers
    assert entry.layer.output_size == (6, 6)
    with pytest.raises(InputError, match=r"does not say the sizes of its inputs.*--shape NAME"):
        frontend.load(module)
    with pytest.raises(InputError, match=r"does not run on the given input: .*channels"):
        frontend.load(module, torch.randn(1, 4, 8, 8))
    with pytest.raises(InputError, match="3 is not a module"):
        frontend.load(3, torch.randn(1))


def test_the_onnx_export_of_a_module_gives_the_same_layers(tmp_path):
    pytest.importorskip("onnx")
    from red_timeloop.frontends import onnx as onnx_frontend

    module = nn.Sequential(
        nn.Linear(16, 128),
        nn.Unflatten(1, (8, 4, 4)),
        nn.ConvTranspose2d(8, 6, 5, 2, 2, output_padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.ConvTranspose2d(6, 4, 3, 2, 1, output_padding=1, groups=2, dilation=2),
        nn.Conv2d(4, 3, 3, padding=1),
    ).eval()
    example = torch.zeros(1, 16)
    path = tmp_path / "m.onnx"
    torch.onnx.export(module, (example,), str(path), dynamo=False)
    exported = onnx_frontend.load(path).workload.layers
    direct = frontend.load(module, example).workload.layers
    assert [replace(e.layer, name=None) for e in exported] == [
        replace(e.layer, name=None) for e in direct
    ]


def test_unbatched_inputs_and_plain_functions():
    def function(x):
        return functional.conv_transpose2d(x, torch.ones(2, 3, 4, 4), stride=2, padding=1)

    (entry,) = frontend.load(function, torch.randn(2, 5, 5)).workload.layers
    assert (entry.layer.batch, entry.layer.output_size) == (1, (10, 10))


def _up():
    return torch.nn.ConvTranspose2d(3, 4, 4, 2, 1)


EXAMPLE = torch.zeros(1, 3, 5, 5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.export.export(_up().eval(), (EXAMPLE,)),
        lambda: torch.export.export(_up().eval(), (EXAMPLE,)).module(),
        lambda: torch.nn.LazyConvTranspose2d(4, 4, 2, 1),
        lambda: torch.jit.script(_up()),
        lambda: torch.jit.trace(_up(), EXAMPLE),
        lambda: torch.nn.Sequential(torch.jit.script(_up())),
        lambda: torch.compile(_up()),
        lambda: torch.nn.DataParallel(_up()),
        lambda: torch.compile(torch.nn.DataParallel(_up())),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_whatever_wraps_a_module_is_read(make):
    for inputs in ({"example": EXAMPLE}, {"shapes": [(1, 3, 5, 5)]}):
        module = make()
        (entry,) = frontend.load(module, **inputs).workload.layers
        assert replace(entry.layer, name=None) == TransposedConv(3, 4, (5, 5), 4, 2, 1)


def test_a_lazy_module_stays_as_it_was():
    module = torch.nn.Sequential(
        torch.nn.LazyConvTranspose2d(4, 4, 2, 1), torch.nn.LazyBatchNorm2d()
    )
    imported = frontend.load(module, shapes={"input": (1, 3, 5, 5)})
    assert imported.workload.layers[0].layer.output_size == (10, 10)
    assert module[0].has_uninitialized_params()
    assert module.training


def test_a_lazy_module_that_does_not_run_is_refused_in_one_line():
    with pytest.raises(InputError, match="the module does not run on the given input") as refused:
        frontend.load(torch.nn.LazyConvTranspose2d(4, 4), shapes=[(3,)])
    assert "\n" not in str(refused.value)
