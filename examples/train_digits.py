"""Train the two small networks that lie beside this script, and write their files anew.

    python examples/train_digits.py

Both learn from the handwritten digits that scikit-learn ships (1797 pictures of 8x8 pixels, from
the UCI repository): every fifth picture is held back for what is measured. It takes about two
minutes, and needs torch, onnx and scikit-learn.

* `digits_generator.onnx`: the decoder of a conditional variational autoencoder (Kingma and Welling,
  ICLR 2014; Sohn et al., NeurIPS 2015). A digit and eight random numbers become a picture: a dense
  layer and three transposed convolutions.
* `digits_segmentation.onnx`: a U-Net (Ronneberger et al., MICCAI 2015) of two levels that finds the
  pixels of two digits between clutter: convolutions down, transposed convolutions up.

Each has a file of inputs with what is right, `*.npz`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).parent
LATENT = 8
LARGEST = 200_000  # bytes of a model


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return pictures ``[N, 1, 8, 8]`` from 0 to 1 and their digits: first those to learn from."""
    data = load_digits()
    pictures = torch.tensor(data.images[:, None] / 16, dtype=torch.float32)
    labels = torch.tensor(data.target)
    held = torch.arange(len(labels)) % 5 == 0
    return pictures[~held], labels[~held], pictures[held], labels[held]


class Generator(nn.Module):
    """``[N, 18]``, a digit as one of ten and eight normal numbers, to ``[N, 1, 16, 16]``."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(10 + LATENT, 48 * 2 * 2)
        self.up1 = nn.ConvTranspose2d(48, 32, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1)
        self.up3 = nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1)

    def forward(self, code: Tensor) -> Tensor:
        hidden = functional.relu(self.dense(code)).reshape(-1, 48, 2, 2)
        hidden = functional.relu(self.up1(hidden))
        return torch.sigmoid(self.up3(functional.relu(self.up2(hidden))))


class Encoder(nn.Module):
    """A picture of 16x16 pixels and its digit to the mean and the log variance of its code."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(256 + 10, 128), nn.ReLU(), nn.Linear(128, 2 * LATENT))

    def forward(self, pictures: Tensor, digit: Tensor) -> tuple[Tensor, Tensor]:
        mean, variance = self.layers(torch.cat([pictures.flatten(1), digit], 1)).chunk(2, 1)
        return mean, variance


class Segmentation(nn.Module):
    """``[N, 1, 32, 32]`` to the logits ``[N, 2, 32, 32]`` of background and digit."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 12, 3, padding=1)
        self.down1 = nn.Conv2d(12, 20, 3, stride=2, padding=1)
        self.down2 = nn.Conv2d(20, 32, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(32, 32, 3, padding=1)
        self.up1 = nn.ConvTranspose2d(32, 20, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(40, 12, 4, stride=2, padding=1)
        self.last = nn.Conv2d(24, 2, 3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        first = functional.relu(self.first(pictures))
        down = functional.relu(self.down1(first))
        low = functional.relu(self.middle(functional.relu(self.down2(down))))
        up = torch.cat([functional.relu(self.up1(low)), down], 1)
        up = torch.cat([functional.relu(self.up2(up)), first], 1)
        return self.last(up)


def large(pictures: Tensor) -> Tensor:
    """Return pictures of twice the size."""
    return functional.interpolate(pictures, scale_factor=2, mode="bilinear").clamp(0, 1)


def scenes(pictures: Tensor, count: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return ``[count, 1, 32, 32]`` with two digits each between clutter, and their pixels."""
    sixteen = large(pictures)[:, 0].numpy()
    canvas = np.zeros((count, 32, 32), np.float32)
    masks = np.zeros((count, 32, 32), np.int64)
    for scene, mask in zip(canvas, masks, strict=True):
        for _ in range(4):  # strokes as bright as a digit, but straight
            row, column = random.integers(0, 32, 2)
            if random.random() < 0.5:
                scene[row, column : column + 12] = random.uniform(0.4, 1)
            else:
                scene[row : row + 12, column] = random.uniform(0.4, 1)
        for left in (0, 16):
            digit = sixteen[random.integers(len(sixteen))]
            row, column = random.integers(0, 17), left
            place = (slice(row, row + 16), slice(column, column + 16))
            scene[place] = np.maximum(scene[place], digit)
            mask[place] = digit > 0.4
        scene += random.normal(0, 0.08, scene.shape)
    return torch.tensor(canvas.clip(0, 1)[:, None]), torch.tensor(masks)


def train_generator(pictures: Tensor, labels: Tensor, steps: int = 3000) -> Generator:
    """Maximise the evidence lower bound of the pictures."""
    generator, encoder = Generator(), Encoder()
    optimizer = torch.optim.Adam([*generator.parameters(), *encoder.parameters()], 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    wanted, digit = large(pictures), functional.one_hot(labels, 10).float()
    for _ in range(steps):
        chosen = torch.randint(len(wanted), (64,))
        mean, variance = encoder(wanted[chosen], digit[chosen])
        code = mean + torch.randn_like(mean) * (variance / 2).exp()
        made = generator(torch.cat([digit[chosen], code], 1))
        lost = functional.binary_cross_entropy(made, wanted[chosen], reduction="sum")
        distance = (variance.exp() + mean**2 - 1 - variance).sum() / 2
        optimizer.zero_grad()
        ((lost + distance) / 64).backward()
        optimizer.step()
        schedule.step()
    return generator.eval()


def train_segmentation(pictures: Tensor, steps: int = 900) -> Segmentation:
    """Minimise the cross entropy of the pixels."""
    network, random = Segmentation(), np.random.default_rng(0)
    optimizer = torch.optim.Adam(network.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        inputs, masks = scenes(pictures, 24, random)
        optimizer.zero_grad()
        functional.cross_entropy(network(inputs), masks).backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def write(network: nn.Module, example: Tensor, name: str) -> Path:
    """Write a network as an ONNX file whose batch is open."""
    path = HERE / f"{name}.onnx"
    torch.onnx.export(
        network,
        (example,),
        str(path),
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )
    size = path.stat().st_size
    assert size <= LARGEST, f"{path} has {size} bytes"
    print(f"{path.name}: {size} bytes")
    return path


def main() -> None:
    """Train, measure and write both."""
    torch.manual_seed(0)
    pictures, labels, held, _ = digits()
    generator = train_generator(pictures, labels)
    wanted = torch.arange(10).repeat(16)
    normal = torch.randn(len(wanted), LATENT)
    codes = torch.cat([functional.one_hot(wanted, 10).float(), normal], 1)
    write(generator, codes[:1], "digits_generator")
    np.savez_compressed(
        HERE / "digits_generator.npz", input=codes[:20].numpy(), labels=wanted[:20].numpy()
    )
    from digits_score import recognised

    with torch.no_grad():
        share = recognised(generator(codes).numpy(), wanted.numpy())
    print(f"generator: {share:.1%} of {len(wanted)} pictures are recognised")

    network = train_segmentation(pictures)
    inputs, masks = scenes(held, 200, np.random.default_rng(1))
    with torch.no_grad():
        found = network(inputs).argmax(1)
    overlap = ((found == 1) & (masks == 1)).sum() / ((found == 1) | (masks == 1)).sum()
    print(f"segmentation: IoU {overlap:.3f} of 200 scenes with digits that were held back")
    write(network, inputs[:1], "digits_segmentation")
    np.savez_compressed(
        HERE / "digits_segmentation.npz",
        input=inputs[:12].numpy(),
        labels=masks[:12].numpy().astype(np.uint8),
    )


if __name__ == "__main__":
    main()
