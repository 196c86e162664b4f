#!/usr/bin/env python3
"""Trains with 1, 2, 3, 4 and 8 threads: the checkpoints are the same, byte for byte.

Usage: tests/runs/threads.py --bin-dir build [--all-models]

Every model of models/ and one of loops (by default that and some small ones), in f32 and bf16, both with kernels chosen
by measuring and by the static rules.
"""
import argparse
import json
import pathlib
import sys
import tempfile

from kills import CHECKPOINT, EXAMPLES, Bench, all_models, sets_of

SMALL_MODELS = ["vae_mlp", "vq_vae", "loops"]
THREADS = [2, 1, 3, 4, 8]
STEPS = 3


def tensors(path):
    """The bytes of all tensors; the metadata name the number of threads."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header.pop("__metadata__")
    return {name: content[end:][slice(*tensor["data_offsets"])] for name, tensor in header.items()}


def check(bench, model, precision):
    sets = [f"train.batch_size={EXAMPLES}" if "batch_size" in each else each for each in sets_of(model)]
    name = bench.compile(model, precision, *sets)
    for tune in ([], ["--no-tune"]):
        first = None
        for threads in THREADS:
            run = f"{name}_{'static' if tune else 'tuned'}_{threads}"
            bench.run("gmrun", "train", name + ".gmc", "--run", run, "--threads", str(threads), "--quiet", "--samples",
                      "0", "--epochs", "100", "--steps", str(STEPS), *tune)
            bench.settle_tuning()
            found = tensors(bench.folder / run / CHECKPOINT)
            first = first or found
            other = [each for each in first if found[each] != first[each]]
            if other:
                sys.exit(f"{run}: {len(other)} of {len(first)} tensors differ from those of {THREADS[0]} threads, "
                         f"e.g. {other[0]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", required=True, type=pathlib.Path)
    parser.add_argument("--all-models", action="store_true")
    options = parser.parse_args()
    models = all_models() if options.all_models else SMALL_MODELS
    with tempfile.TemporaryDirectory(prefix="gmc-threads-") as folder:
        bench = Bench(options.bin_dir.resolve(), pathlib.Path(folder))
        del bench.environment["OMP_NUM_THREADS"]
        for model in models:
            for precision in ("f32", "bf16"):
                check(bench, model, precision)
        print(f"{len(models)} models, f32 and bf16, with {THREADS} threads: the same bits")


if __name__ == "__main__":
    main()
