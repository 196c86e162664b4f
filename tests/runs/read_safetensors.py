#!/usr/bin/env python3
"""Checkpoints and weights, read by the reader of models/AFTER_TRAINING.md and by the package `safetensors`.

A model with batch norm and averages is trained for a step. Both readers must find the same tensors and metadata in its
checkpoint and in its exported weights, with the numbers that belong there. Skipped (exit code 77) where NumPy or the
package is missing.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import numpy
    from safetensors import safe_open
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODEL = """
model: m
data: {image: {synthetic: {set: shapes, size: 8}, range: [0, 1], count: 32}}
networks:
  copy:
    inputs: {x: data.image}
    layers: [{conv2d: {filters: 3, kernel: 5}}, batch_norm, {conv2d_transpose: {filters: 1, kernel: 3}}]
objective:
  minimize: {networks: [copy], loss: mean(sum((copy(image) - image)^2))}
  functions: {view(image): averaged(copy(image))}
train: {batch_size: 16, epochs: 1, average: 0.5}
"""
SHAPES = {"copy.conv2d.weight": (5, 5, 1, 3), "copy.conv2d.bias": (3,), "copy.batch_norm.moving_variance": (3,),
          "copy.conv2d_transpose.weight": (3, 3, 1, 3)}


def check(is_so, what):
    if not is_so:
        sys.exit(f"failed: {what}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin-dir", type=pathlib.Path, required=True)
    programs = parser.parse_args().bin_dir.resolve()
    page = (ROOT / "models/AFTER_TRAINING.md").read_text()
    reader = {}
    exec(re.search(r"```python\n(.*?def load.*?)```", page, re.S)[1], reader)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "m.yaml").write_text(MODEL)
        for line in ("gmc compile m.yaml", "gmrun train m.gmc --run r --quiet --samples 0",
                     "gmrun export r --weights weights.safetensors",
                     "gmrun export r --weights averages.safetensors --averaged"):
            program, *words = line.split()
            subprocess.run([programs / program, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        read = {}
        for file in ("r/checkpoint.safetensors", "weights.safetensors", "averages.safetensors"):
            metadata, tensors = reader["load"](folder / file)
            with safe_open(folder / file, "np") as package:
                check(package.metadata() == metadata, f"{file}: metadata")
                check(set(package.keys()) == set(tensors), f"{file}: names")
                for tensor in tensors:
                    check(numpy.array_equal(package.get_tensor(tensor), tensors[tensor]), f"{file}: {tensor}")
            for tensor, shape in SHAPES.items():
                check(tensors[tensor].shape == shape, f"{file}: shape of {tensor}")
            read[file] = tensors
        check(metadata["format"] == "gmc-weights 1" and metadata["averaged"] == "yes", "metadata of averages")
        state = read["r/checkpoint.safetensors"]
        for tensor, numbers in read["weights.safetensors"].items():
            check(numpy.array_equal(numbers, state[tensor]), f"weights: {tensor}")
            average = state.get("average." + tensor, numbers)
            check(numpy.array_equal(read["averages.safetensors"][tensor], average), f"averages: {tensor}")
        averages = read["averages.safetensors"]
        check(not numpy.array_equal(averages["copy.conv2d.weight"], state["copy.conv2d.weight"]), "averaged")
    print("checkpoint, weights and averages: the same tensors by both readers")


if __name__ == "__main__":
    main()
