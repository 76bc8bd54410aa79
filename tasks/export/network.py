"""A trained network of `stillpoint export` in plain PyTorch; it needs only torch and safetensors.

FACTS and SHAPES, below, describe the run. `load()` returns the network in evaluation mode, with the weights of
model.safetensors beside this file. As a program, this file compares its outputs with those that stillpoint computed.
"""
import math
import pathlib

import torch
from safetensors.torch import load_file
from torch import nn

FACTS = {}  # the model, and the classes, size, mean and deviation of its pictures
SHAPES = {}  # of every tensor, by name


def linear(name):
    """Returns a linear layer of the sizes of that name."""
    outputs, inputs = SHAPES[name + ".weight"]
    return nn.Linear(inputs, outputs, bias=name + ".bias" in SHAPES)


class ImageLift(nn.Module):
    """phi of images: twice (convolution, batch norm, ReLU) x 2 and pooling, then a linear map."""

    def __init__(self):
        super().__init__()
        for i in range(4):
            outputs, inputs, *taps = SHAPES[f"phi.conv{i}.weight"]
            self.add_module(f"conv{i}", nn.Conv2d(inputs, outputs, taps, padding=1))
            self.add_module(f"norm{i}", nn.BatchNorm2d(outputs))
        self.lift = linear("phi.lift")

    def forward(self, x):
        """Returns (N,d) from (N,C,H,W)."""
        for i in range(4):
            x = torch.relu(getattr(self, f"norm{i}")(getattr(self, f"conv{i}")(x)))
            if i % 2 == 1:
                x = nn.functional.max_pool2d(x, 2)
        return self.lift(x.flatten(1))


class Fourier(nn.Module):
    """psi: random Fourier features."""

    def __init__(self):
        super().__init__()
        self.register_buffer("omega", torch.zeros(SHAPES["psi.omega"]))

    def forward(self, x):
        """Returns (P,2m) from (P,d)."""
        angles = x @ self.omega.T
        return torch.cat([angles.cos(), angles.sin()], -1) / math.sqrt(len(self.omega))


class Sim(nn.Module):
    """A stable invariant model: phi, psi if the model has it, U V^T, the reverse network r and a linear map."""

    def __init__(self):
        super().__init__()
        self.phi = ImageLift()
        self.psi = Fourier() if "psi.omega" in SHAPES else nn.Identity()
        self.koopman = nn.ModuleDict({"vt": linear("koopman.vt"), "u": linear("koopman.u")})
        self.r = nn.ModuleList(linear(f"r.{i}") for i in range(3))
        self.out = linear("out")

    def forward(self, x):
        """Returns logits (N,classes) from normalised images (N,C,H,W)."""
        z = self.koopman["u"](self.koopman["vt"](self.psi(self.phi(x))))
        return self.out(self.r[2](torch.relu(self.r[1](torch.relu(self.r[0](z))))))


def normalise(pixels):
    """Returns the network's input from pictures as bytes (N,C,H,W), red first."""
    shape = (1, -1, 1, 1)
    mean, deviation = (torch.tensor(FACTS[name]).view(shape) for name in ("mean", "deviation"))
    return (pixels.float() / 255 - mean) / deviation


def load(path=pathlib.Path(__file__).with_name("model.safetensors")):
    """Returns the network with these weights, in evaluation mode."""
    network = Sim()
    network.load_state_dict(load_file(path), strict=True)
    return network.eval()


def main():
    """Compares the network with the outputs that stillpoint computed for an example."""
    example = load_file(pathlib.Path(__file__).with_name("example.safetensors"))
    with torch.no_grad():
        y = load()(example["x"])
    print(f"{FACTS['model']}: outputs of {tuple(y.shape)}, "
          f"largest difference from stillpoint's {(y - example['y']).abs().max().item():.2e}")


if __name__ == "__main__":
    main()
