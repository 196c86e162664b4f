#!/usr/bin/env python3
"""Trains with --tensorboard, kills and resumes, exports, and reads all of it back with TensorBoard's own package.

Usage: tests/tensorboard/check.py --bin-dir build

Every number of metrics.jsonl must be there once, at its step; a picture of samples per epoch; the settings; the model's
text. A file that was cut off, as a kill may leave it, must be readable up to there. TensorBoard's server must list
the runs and give their numbers. Needs the Python package tensorboard; exit code 77 without it.
"""
import argparse
import json
import math
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

try:
    from tensorboard import program
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/runs"))
from kills import Bench  # noqa: E402

EVERYTHING = {"scalars": 0, "images": 0, "tensors": 0}
SETS = ["data=data", "train.batch_size=16", "train.epochs=3"]
STEPS = 12  # 64 examples


def load(folder):
    events = EventAccumulator(str(folder), size_guidance=EVERYTHING)
    events.Reload()
    return events


def same(a, b):
    return struct.pack("<f", a) == struct.pack("<f", b) or (math.isnan(a) and math.isnan(b))


def check_numbers(events, run):
    """Each number of metrics.jsonl is there once, and nothing else."""
    wanted = {}
    texts = set()
    for line in (run / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        if "sign" in row:
            texts.add("signs/" + row["sign"])
            continue
        for name, value in row.items():
            if name == "nonfinite" or name == "step":
                continue
            value = float(row["nonfinite"][name]) if value is None else value
            points = wanted.setdefault(name, [])
            if name != "epoch" or not points or points[-1][0] != row["step"]:  # lines of one step say it once
                points.append((row["step"], value))
    got = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    if set(got) != set(wanted):
        sys.exit(f"{run}: {sorted(got)} instead of {sorted(wanted)}")
    for tag, numbers in wanted.items():
        equal = len(got[tag]) == len(numbers) and all(
            a[0] == b[0] and same(a[1], b[1]) for a, b in zip(got[tag], numbers))
        if not equal:
            sys.exit(f"{run}: `{tag}` is {got[tag]} instead of {numbers}")
    return len(wanted), sum(len(numbers) for numbers in wanted.values()), texts


def check_rest(events, run, texts):
    pictures = events.Images("samples")
    files = sorted((run / "samples").iterdir())
    if [picture.encoded_image_string for picture in pictures] != [file.read_bytes() for file in files]:
        sys.exit(f"{run}: pictures differ from those in samples/")
    width, height = struct.unpack(">II", files[0].read_bytes()[16:24])
    if (pictures[0].width, pictures[0].height) != (width, height):
        sys.exit(f"{run}: a picture of another size")
    if [picture.step for picture in pictures] != [STEPS // 3 * epoch for epoch in (1, 2, 3)]:
        sys.exit(f"{run}: pictures at the steps {[picture.step for picture in pictures]}")
    tensors = set(events.Tags()["tensors"])
    if not texts | {"model/vae_mlp.yaml", "_hparams_/session_start_info"} <= tensors:
        sys.exit(f"{run}: texts {sorted(tensors)}")
    text = events.Tensors("model/vae_mlp.yaml")[0].tensor_proto.string_val[0].decode()
    if (ROOT / "models/vae_mlp.yaml").read_text().strip() not in text:
        sys.exit(f"{run}: the model's text is another one")
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    settings = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    if settings["batch_size"].number_value != 16 or settings["train.epochs"].number_value != 3:
        sys.exit(f"{run}: settings {settings}")


def check_run(run):
    events = load(run)
    tags, numbers, texts = check_numbers(events, run)
    check_rest(events, run, texts)
    print(f"{run.name}: {numbers} numbers of {tags} names, a picture per epoch, settings, text")


def train_and_kill(bench):
    """Killed after some steps, resumed from the last checkpoint."""
    run = bench.folder / "killed"
    process = bench.start("gmrun", "train", "model.gmc", "--run", "killed", "--tensorboard", "--log-every", "1",
                          "--quiet", "--no-tune", "--checkpoint-every", "3 steps")
    metrics = run / "metrics.jsonl"
    while process.poll() is None and (not metrics.exists() or len(metrics.read_text().splitlines()) < 5):
        time.sleep(0.0005)
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()
    bench.run("gmrun", "train", "model.gmc", "--run", "killed", "--tensorboard", "--log-every", "1", "--quiet",
              "--no-tune", "--resume")
    files = sorted(path.name for path in run.glob("events.out.tfevents.*"))
    if len(files) != 2:
        sys.exit(f"a resumed run has the files {files}")
    return run


def check_cut(run):
    """What is whole before the cut can be read."""
    file = next(run.glob("events.out.tfevents.*"))
    whole = file.read_bytes()
    file.write_bytes(whole[:len(whole) * 2 // 3])
    steps = [event.step for event in load(run).Scalars("loss")]
    file.write_bytes(whole)
    if not steps or steps != list(range(1, len(steps) + 1)):
        sys.exit(f"a file that was cut off gives the steps {steps}")
    print(f"cut off: {len(steps)} of {STEPS} steps can be read")


def check_server(folder, runs):
    board = program.TensorBoard()
    board.configure(logdir=str(folder), port=0, load_fast="false")
    address = board.launch()

    def ask(path):
        with urllib.request.urlopen(address + path) as answer:
            return json.loads(answer.read())
    for _ in range(600):
        if set(ask("data/runs")) >= runs:
            break
        time.sleep(0.1)
    for run in runs:
        losses = ask(f"data/plugin/scalars/scalars?run={run}&tag=loss")
        if [step for _, step, _ in losses] != list(range(1, STEPS + 1)):
            sys.exit(f"the server has other losses of {run}: {losses}")
        if len(ask(f"data/plugin/images/images?run={run}&tag=samples")) != 3:
            sys.exit(f"the server has other pictures of {run}")
    print(f"TensorBoard's server gives the losses and pictures of {', '.join(sorted(runs))}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin-dir", type=pathlib.Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.bin_dir.resolve(), pathlib.Path(folder))
        words = [word for each in SETS for word in ("--set", each)]
        bench.run("gmc", "compile", str(ROOT / "models/vae_mlp.yaml"), "-o", "model.gmc", *words)
        bench.run("gmrun", "train", "model.gmc", "--run", "whole", "--tensorboard", "--log-every", "1", "--quiet",
                  "--no-tune")
        check_run(bench.folder / "whole")
        check_run(train_and_kill(bench))
        check_cut(bench.folder / "whole")
        bench.run("gmrun", "export", "whole", "--tensorboard", "exported")
        os.symlink(bench.folder / "whole/metrics.jsonl", bench.folder / "exported/metrics.jsonl")
        os.symlink(bench.folder / "whole/samples", bench.folder / "exported/samples")
        check_run(bench.folder / "exported")
        check_server(bench.folder, {"whole", "killed", "exported"})


if __name__ == "__main__":
    main()
