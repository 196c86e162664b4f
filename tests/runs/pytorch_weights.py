#!/usr/bin/env python3
"""Weights go to PyTorch and back: twins of seed_gan's and dcgan64's generators and of seed_vae in torch.nn.

In: a twin with weights of its own is written as a safetensors file, as `state_dict` names them, and a run begins with
it, once by `--init` and once because the model says so (`weights: {from: ...}`). Out: what the run exports must be the
same tensors, and is loaded into the twin, whose samples and encodings may differ from the run's by 1e-5 of their
largest number at most. Skipped (exit code 77) where torch or safetensors are missing.

A twin has PyTorch's layouts inside, but flattens and reshapes in the order of gmc: channels last.
"""
import argparse
import copy
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import numpy
    import torch
    from safetensors.torch import load_file, save_file
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MOST = 1e-5
PARTS = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


class Image(nn.Module):
    """A vector as an image, its features in the order height, width, channels."""

    def __init__(self, height, width, channels):
        super().__init__()
        self.shape = height, width, channels

    def forward(self, x):
        return x.reshape(-1, *self.shape).permute(0, 3, 1, 2)


class Vector(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


class Same(nn.Module):
    """Cuts the result of a transposed convolution without padding to size * stride, as `padding: same` does."""

    def __init__(self, kernel, stride):
        super().__init__()
        self.before = max(kernel - stride, 0) // 2
        self.less = max(kernel - stride, 0)

    def forward(self, x):
        end = x.shape[2] - (self.less - self.before)
        return x[:, :, self.before:end, self.before:end]


def up(inputs, outputs, kernel, stride, bias=False):
    return [nn.ConvTranspose2d(inputs, outputs, kernel, stride, bias=bias), Same(kernel, stride)]


def norm(channels, kind=nn.BatchNorm2d):
    return kind(channels, eps=1e-3)


def seed_gan():
    return nn.Sequential(nn.Linear(100, 12544, bias=False), norm(12544, nn.BatchNorm1d), nn.LeakyReLU(0.3),
                         Image(7, 7, 256), *up(256, 128, 5, 2), norm(128), nn.LeakyReLU(0.3),
                         *up(128, 64, 5, 2), norm(64), nn.LeakyReLU(0.3), *up(64, 1, 5, 1), nn.Tanh())


def dcgan64():
    layers = [Image(1, 1, 100), nn.ConvTranspose2d(100, 512, 4, 1, bias=False), norm(512), nn.ReLU()]
    for inputs, outputs in ((512, 256), (256, 128), (128, 64)):
        layers += [*up(inputs, outputs, 4, 2), norm(outputs), nn.ReLU()]
    return nn.Sequential(*layers, *up(64, 3, 4, 2), nn.Tanh())


def seed_vae_decoder():
    return nn.Sequential(nn.Linear(128, 3136), nn.ReLU(), Image(7, 7, 64), *up(64, 64, 3, 2, True), nn.ReLU(),
                         *up(64, 32, 3, 2, True), nn.ReLU(), *up(32, 1, 3, 1, True), nn.Sigmoid())


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 32, 3, padding="same"), nn.ReLU(), nn.Conv2d(32, 64, 3, padding="same"),
                                  nn.ReLU(), Vector(), nn.Linear(50176, 128), nn.ReLU())
        self.heads = nn.ModuleList([nn.Linear(128, 128), nn.Linear(128, 128)])

    def forward(self, x):
        x = self.body(x)
        return [head(x) for head in self.heads]


def shake(twin):
    """Kernels stay as PyTorch begins; biases, scales and statistics become such as training makes."""
    with torch.no_grad():
        for name, tensor in twin.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif tensor.is_floating_point() and tensor.dim() == 1:
                tensor.add_(0.2 * torch.randn_like(tensor))
    return twin.eval()


class Bench:
    def __init__(self, folder, bin_dir):
        self.folder, self.bin_dir = folder, bin_dir

    def run(self, *words):
        done = subprocess.run([self.bin_dir / words[0], *words[1:]], cwd=self.folder, text=True, capture_output=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
        return done.stdout

    def compare(self, what, ours, theirs):
        if ours.shape != theirs.shape:
            sys.exit(f"{what}: {ours.shape} and {theirs.shape}")
        error = float((ours - theirs).abs().max() / theirs.abs().max())
        print(f"{what}: {error:.1e} of {float(theirs.abs().max()):.3g}")
        if not error <= MOST:
            sys.exit(f"{what}: the results differ")


def go_in_and_out(bench, model, twins, by_key):
    """A run begins with the weights of the twins, by the key `weights` or by --init. What it exports is equal, and goes
    into the twins returned."""
    tensors = {f"{network}.{name}": tensor for network, twin in twins.items()
               for name, tensor in twin.state_dict().items()}
    save_file(tensors, bench.folder / "in")
    keys = [f"networks.{network}.weights={{from: in, layout: pytorch}}" for network in twins if by_key]
    bench.run("gmc", "compile", ROOT / f"models/{model}.yaml", "-o", f"{model}.gmc", "--set", "train.batch_size=4",
              *(word for key in keys for word in ("--set", key)))
    said = bench.run("gmrun", "train", f"{model}.gmc", "--run", model, "--overwrite", "--steps", "0", "--quiet",
                     *([] if by_key else ["--init", "in", "--init-layout", "pytorch"]))
    bench.run("gmrun", "export", model, "--weights", "out", "--layout", "pytorch")
    bench.run("tests/function_arrays", model, f"{model}.gmc", "arrays")
    tensors = load_file(bench.folder / "out")
    out = {network: copy.deepcopy(twin) for network, twin in twins.items()}
    states = {network: {} for network in twins}
    for ours, theirs in re.findall(r"taken +(\S+) = (\S+)", said):
        layer, part = ours.rsplit(".", 1)
        came = tensors.pop(f"{layer}.{PARTS.get(part, part)}")
        network, name = theirs.split(".", 1)
        states[network][name] = came
        if not torch.equal(came, twins[network].state_dict()[name]):
            sys.exit(f"{model}: `{theirs}` came back changed")
    for network, twin in out.items():
        lost = twin.load_state_dict(states[network], strict=False)
        if not all(name.endswith("num_batches_tracked") for name in lost.missing_keys):
            sys.exit(f"{model}: {lost}")
    return out


def array(bench, name):
    return torch.from_numpy(numpy.load(bench.folder / "arrays" / f"{name}.npy"))


def check_models(bench, by_key):
    print("weights of the key `weights`" if by_key else "weights of --init")
    for model, make in (("seed_gan", seed_gan), ("dcgan64", dcgan64)):
        twins = go_in_and_out(bench, model, {"generator": shake(make())}, by_key)
        samples = twins["generator"](array(bench, "sample/in.z")).permute(0, 2, 3, 1)
        bench.compare(f"{model}, samples", array(bench, "sample/out.sample"), samples)
    twins = {"encoder": shake(Encoder()), "decoder": shake(seed_vae_decoder())}
    twins = go_in_and_out(bench, "seed_vae", twins, by_key)
    codes = twins["encoder"](array(bench, "encode/in.image").permute(0, 3, 1, 2))
    for part, code in zip(("mean", "log_variance"), codes):
        bench.compare(f"seed_vae, {part}", array(bench, f"encode/out.{part}"), code)
    samples = twins["decoder"](array(bench, "sample/in.z")).permute(0, 2, 3, 1)
    bench.compare("seed_vae, samples", array(bench, "sample/out.sample"), samples)


PARTS_MODEL = """
model: parts
data:
  image: {synthetic: {set: shapes, size: 8, classes: 4}, range: [0, 1], count: 64}
  label: {labels_of: image}
networks:
  net:
    inputs: {x: data.image, label: data.label}
    layers:
      - conv2d: {from: x, filters: 6, kernel: 3, padding: valid, spectral_norm: true, activation: prelu, name: down}
      - conv2d_transpose: {filters: 4, kernel: 3, padding: valid, spectral_norm: true, name: up}
      - flatten: {name: flat}
      - embedding: {from: label, units: 4, name: class}
      - concat: {from: [flat, class]}
      - dense: {units: 64, spectral_norm: true, name: embedding}
      - parameter: {shape: [64], name: shift}
      - add: [embedding, shift]
      - dense: {units: 64, activation: prelu}
      - reshape: [8, 8, 1]
parameters: {scale: {shape: [3]}}
objective:
  minimize:
    networks: [net, scale]
    loss: mean(sum((net(image, label) - image)^2)) + sum(scale^2)
  functions: {"f(image, label)": "net(image, label) * sum(scale)"}
train: {batch_size: 4, epochs: 1}
"""


class Parts(nn.Module):
    """The network of PARTS_MODEL. An activation is a module of its own, behind its layer."""

    def __init__(self, normed):
        super().__init__()
        self.down = normed(nn.Conv2d(1, 6, 3))
        self.down.prelu = nn.PReLU(6)
        self.up = normed(nn.ConvTranspose2d(6, 4, 3))
        self.add_module("class", nn.Embedding(4, 4))
        self.embedding = normed(nn.Linear(260, 64))
        self.shift = nn.Parameter(torch.randn(64))
        self.dense = nn.Linear(64, 64)
        self.dense.prelu = nn.PReLU(64)

    def forward(self, x, label):
        x = self.down.prelu(self.down(x.permute(0, 3, 1, 2)))
        x = torch.cat([Vector()(self.up(x)), self.get_submodule("class")(label)], 1)
        return self.dense.prelu(self.dense(self.embedding(x) + self.shift)).reshape(-1, 8, 8, 1)


def check_parts(bench):
    """Layers whose names say another kind than they have, kernels with a norm, slopes, tensors by themselves: all that
    goes in comes out under the name that torch.nn gives it, from both ways in which PyTorch writes spectral norms."""
    (bench.folder / "parts.yaml").write_text(PARTS_MODEL)
    bench.run("gmc", "compile", "parts.yaml", "-o", "parts.gmc")
    for normed in (nn.utils.spectral_norm, nn.utils.parametrizations.spectral_norm):
        twin = Parts(normed)
        for _ in range(3):  # iterations of the norms
            twin(torch.randn(2, 8, 8, 1), torch.zeros(2, dtype=torch.long))
        shake(twin)
        scale = torch.rand(3)
        save_file({"scale": scale, **{f"net.{name}": tensor for name, tensor in twin.state_dict().items()}},
                  bench.folder / "in")
        bench.run("gmrun", "train", "parts.gmc", "--run", "parts", "--overwrite", "--steps", "0", "--quiet", "--init",
                  "in", "--init-layout", "pytorch")
        bench.run("tests/function_arrays", "parts", "parts.gmc", "arrays")
        image, label = array(bench, "f/in.image"), array(bench, "f/in.label").long()
        bench.compare("parts", array(bench, "f/out.f"), twin(image, label) * scale.sum())
        bench.run("gmrun", "export", "parts", "--weights", "out", "--layout", "pytorch")
    out = load_file(bench.folder / "out")
    if not torch.equal(out.pop("scale"), scale):
        sys.exit("parts: `scale` came back changed")
    back = {name.removeprefix("net."): tensor for name, tensor in out.items()}
    for name, tensor in twin.state_dict().items():
        if not torch.equal(back[name], tensor):
            sys.exit(f"parts: `{name}` came back changed")
    Parts(normed).load_state_dict(back, strict=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin-dir", type=pathlib.Path, required=True)
    bin_dir = parser.parse_args().bin_dir.resolve()
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as name, torch.no_grad():
        bench = Bench(pathlib.Path(name), bin_dir)
        for by_key in (False, True):
            check_models(bench, by_key)
        check_parts(bench)


if __name__ == "__main__":
    main()
