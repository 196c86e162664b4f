"""Measures samples per call beside PyTorch and ONNX Runtime; prints a table.

    GMC_LIBRARY=build/runtime/library/libgmc.so PYTHONPATH=runtime/library/python \\
        python3 tests/bench/sample_latency.py vae_mlp=runs/vae_mlp seed_gan=runs/seed_gan

All three are called from Python, with noise that is there already, and give an array. PyTorch: the fastest of eager,
channels-last and scripted (traced and frozen); ONNX Runtime: the same network as PyTorch exports it. In turn, --rounds
times; figures are medians of all calls. Nothing else should run on the machine.
"""
import argparse
import os
import statistics
import tempfile
import time

import gmc
import numpy
import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("runs", nargs="+", metavar="MODEL=RUN")
parser.add_argument("--threads", type=int, default=os.cpu_count())
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--batches", default="1,8,128")
a = parser.parse_args()
torch.set_num_threads(a.threads)
torch.set_flush_denormal(True)


class View(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.reshape(-1, *self.shape)


def vae_mlp():
    return 20, nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid(), View(1, 28, 28))


def seed_gan():
    up = lambda i, o, stride, more: nn.ConvTranspose2d(i, o, 5, stride, 2, more, bias=False)
    return 100, nn.Sequential(nn.Linear(100, 12544, bias=False), nn.BatchNorm1d(12544), nn.LeakyReLU(0.3),
                              View(256, 7, 7), up(256, 128, 2, 1), nn.BatchNorm2d(128), nn.LeakyReLU(0.3),
                              up(128, 64, 2, 1), nn.BatchNorm2d(64), nn.LeakyReLU(0.3), up(64, 1, 1, 0), nn.Tanh())


def onnx_session(network, latent, folder):
    import onnxruntime
    path = os.path.join(folder, "network.onnx")
    torch.onnx.export(network, (torch.zeros(2, latent),), path, input_names=["z"], output_names=["y"],
                      dynamic_axes={"z": {0: "n"}, "y": {0: "n"}}, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = a.threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def candidates(name, run, folder):
    """Name: a function of noise."""
    model = gmc.load(run, threads=a.threads)
    latent, network = {"vae_mlp": vae_mlp, "seed_gan": seed_gan}[name]()
    network.eval()
    frozen = torch.jit.freeze(torch.jit.trace(network, torch.zeros(2, latent)))
    session = onnx_session(network, latent, folder)
    last = {"vae_mlp": vae_mlp, "seed_gan": seed_gan}[name]()[1].eval().to(memory_format=torch.channels_last)
    return latent, {
        "gmc": model.sample,
        "PyTorch eager": lambda z: network(torch.from_numpy(z)).numpy(),
        "PyTorch channels-last": lambda z: last(torch.from_numpy(z)).numpy(),
        "PyTorch scripted": lambda z: frozen(torch.from_numpy(z)).numpy(),
        "ONNX Runtime": lambda z: session.run(None, {"z": z})[0],
    }


def times_of(call, z):
    for _ in range(5):
        call(z)
    times = []
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end or len(times) < 10:
        begin = time.perf_counter()
        call(z)
        times.append(time.perf_counter() - begin)
    return times


def main():
    print("| | samples | gmc | PyTorch | ONNX Runtime |\n|---|---|---|---|---|")
    for word in a.runs:
        name, run = word.split("=")
        with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
            latent, calls = candidates(name, run, folder)
            for batch in map(int, a.batches.split(",")):
                z = numpy.random.default_rng(1).normal(size=(batch, latent)).astype(numpy.float32)
                times = {which: [] for which in calls}
                for _ in range(a.rounds):
                    for which, call in calls.items():
                        times[which] += times_of(call, z)
                medians = {which: statistics.median(all_times) * 1e3 for which, all_times in times.items()}
                torch_name = min((w for w in medians if w.startswith("PyTorch")), key=medians.get)
                print(f"| `{name}` | {batch} | {medians['gmc']:.3f} ms | {medians[torch_name]:.3f} ms "
                      f"({torch_name.split()[1]}) | {medians['ONNX Runtime']:.3f} ms |", flush=True)


main()
