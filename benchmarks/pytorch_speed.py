"""How many pictures a second does PyTorch train the network of `airbench` on? For a comparison with ours.

    python -m venv torch && torch/bin/pip install torch==2.13.0 numpy
    torch/bin/python benchmarks/pytorch_speed.py
    python benchmarks/image_classes.py speed

The same layers and batch (forward, backward, update; neither augments pictures in that time), in each precision and
memory layout that PyTorch has, as it stands and compiled where a compiler is there. PyTorch's step is Nesterov's
momentum; ours makes kernels orthogonal besides, which is more work. Needs PyTorch and NumPy alone, and nothing of
Casebook.
"""

import argparse
import sys
import time

import numpy as np
import torch
from torch import nn

WIDTHS = (64, 256, 256)


def network() -> nn.Sequential:
    """Return a whitening convolution of 2 x 2, three blocks of two convolutions, and a linear layer."""
    layers: list[nn.Module] = [nn.Conv2d(3, 24, 2), nn.GELU()]
    layers[0].weight.requires_grad_(False)
    before = 24
    for width in WIDTHS:
        for half in range(2):
            layers.append(nn.Conv2d(before if half == 0 else width, width, 3, padding=1, bias=False))
            layers.extend([nn.MaxPool2d(2)] if half == 0 else [])
            layers.extend([nn.BatchNorm2d(width), nn.GELU()])
        before = width
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(before, 10, bias=False))


def rate(batch: int, low: bool, last: bool, compiled: bool, seconds: float) -> float:
    """Return the pictures a second of training.

    Args:
        batch: pictures of a step.
        low: whether in bfloat16, by autocast.
        last: whether channels lie last in memory.
        compiled: whether by `torch.compile`.
        seconds: of the measurement, after two steps that do not count.
    """
    torch.manual_seed(0)
    layout = torch.channels_last if last else torch.contiguous_format
    model = network().to(memory_format=layout).train()
    step_model = torch.compile(model) if compiled else model
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(weights, lr=0.01, momentum=0.85, nesterov=True)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.2)
    rng = np.random.default_rng(0)
    pictures = torch.from_numpy(rng.normal(size=(batch, 3, 32, 32)).astype(np.float32)).to(memory_format=layout)
    labels = torch.from_numpy(np.arange(batch) % 10)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = loss_of(step_model(pictures) / 9, labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    step()
    step()
    clock, steps = time.perf_counter(), 0
    while time.perf_counter() - clock < seconds:
        step()
        steps += 1
    return steps * batch / (time.perf_counter() - clock)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--compile", action="store_true", help="also by torch.compile, which takes a minute each")
    arguments = parser.parse_args()
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, batches of {arguments.batch}")
    for compiled in (False, True) if arguments.compile else (False,):
        for low in (False, True):
            for last in (False, True):
                found = rate(arguments.batch, low, last, compiled, arguments.seconds)
                words = ["bfloat16" if low else "float32", "channels last" if last else "channels first"]
                print(f"{', '.join([*words, *(['compiled'] if compiled else [])])}: {found:.0f} pictures a second")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
