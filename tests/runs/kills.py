#!/usr/bin/env python3
"""Kills trainings and resumes them: nothing is lost, and the bits are those of a run that never stopped.

Usage: tests/runs/kills.py --bin-dir build --kills 30 [--all-models]

One model, with a schedule and validation, is killed again and again at random moments (SIGKILL), every third time while
a checkpoint is being written, or told to stop (every third time, SIGTERM), and resumed, until it has taken the asked
number of kills. Then its checkpoint must be, byte for byte, that of a run of
as many steps that nobody disturbed, and metrics.jsonl must say the same: a line for every step, once, the figures of
validation, and signs of trouble.

Every model of models/ and one of loops (by default that and some small ones), in f32 and bf16, is trained for 2N steps
in one piece, and for N steps, killed in the middle of the next, and resumed with an empty tuning cache: the checkpoints
must be the same.
"""
import argparse
import gzip
import json
import os
import pathlib
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import wave

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHECKPOINT = "checkpoint.safetensors"
EXAMPLES = 64
WEATHER = ["drizzle", "fog", "rain", "snow", "sun"]
SMALL_MODELS = ["vae_mlp", "hinge_sn", "wgan_gp_ring", "loops"]


# Models of generated pictures that are not in models/.
TEST_MODELS = {"loops": "tests/loops.yaml", "couplings": "tests/couplings.yaml",
               "extragradient": "tests/zoo/gans/extragradient.yaml"}


def path_of(model):
    return ROOT / TEST_MODELS.get(model, f"models/{model}.yaml")


def all_models():
    """Stages begin with the weights of others, and have the name of their folder."""
    models = ROOT / "models"
    paths = [*models.glob("*.yaml"), *models.glob("stages/*.yaml")]
    return sorted(str(path.relative_to(models).with_suffix("")) for path in paths) + ["loops"]


def write_idx(path, shape, byte_at):
    header = struct.pack(">HBB", 0, 8, len(shape)) + struct.pack(">" + "I" * len(shape), *shape)
    count = 1
    for size in shape:
        count *= size
    path.write_bytes(gzip.compress(header + bytes(byte_at(i) for i in range(count)), 1, mtime=0))


def make_data(folder):
    """Noise in the form of Fashion-MNIST, a table, sounds and texts: these tests are about bits, not about pictures."""
    folder.mkdir()
    numbers = random.Random(1)
    rows = [f"{day},{numbers.random():.3f},{20 * numbers.random():.1f},{10 * numbers.random():.1f},"
            f"{numbers.random():.2f},{WEATHER[day % len(WEATHER)]}\n" for day in range(EXAMPLES)]
    (folder / "weather.csv").write_text("date,precipitation,temp_max,temp_min,wind,weather\n" + "".join(rows))
    (folder / "sounds").mkdir()
    with wave.open(str(folder / "sounds/noise.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(48000)
        sound.writeframes(bytes(numbers.randrange(256) for _ in range(2 * 256 * EXAMPLES)))
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({EXAMPLES}, 28, 28, 1), }}\n".encode()
    (folder / "normal.npy").write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header +
                                        bytes(numbers.randrange(256) for _ in range(28 * 28 * EXAMPLES)))
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", (EXAMPLES, 28, 28), lambda i: numbers.randrange(256))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", (EXAMPLES,), lambda i: i % 10)
    for part in ("train", "test"):
        write_idx(folder / f"{part}.idx", (EXAMPLES, 64), lambda i: numbers.randrange(128))


class Bench:
    def __init__(self, bin_dir, folder):
        self.bin_dir, self.folder = bin_dir, folder
        self.environment = dict(os.environ, XDG_CACHE_HOME=str(folder / "cache"), OMP_NUM_THREADS="2")
        make_data(folder / "data")

    def run(self, *words):
        done = subprocess.run([str(self.bin_dir / words[0]), *words[1:]], cwd=self.folder, env=self.environment,
                              capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, *words):
        return subprocess.Popen([str(self.bin_dir / words[0]), *words[1:]], cwd=self.folder, env=self.environment,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def compile(self, model, precision, *sets):
        name = f"{model}_{precision}".replace("/", "_")
        words = [word for each in sets for word in ("--set", each)]
        self.train_first(path_of(model).read_text())
        self.run("gmc", "compile", str(path_of(model)), "-o", name + ".gmc", "--precision", precision,
                 *words)
        return name

    def train_first(self, text):
        """Makes the runs that a model takes weights of."""
        for model in re.findall(r": runs/(\w+)", text):
            if not (self.folder / "runs" / model).exists():
                first = self.compile(model, "f32", *sets_of(model))
                self.run("gmrun", "train", first + ".gmc", "--run", f"runs/{model}", "--steps", "1", "--samples", "0")

    def forget_tuning(self):
        """The file of measured contractions is gone."""
        (self.folder / "cache/gmc/tuning.json").unlink(missing_ok=True)

    def settle_tuning(self):
        """Later runs take the choices as they are. On a busy machine they are doubtful, and would be measured again."""
        path = self.folder / "cache/gmc/tuning.json"
        if path.exists():
            measured = json.loads(path.read_text())
            for problems in measured["machines"].values():
                for problem in problems.values():
                    problem["doubtful"] = False
            path.write_text(json.dumps(measured))

    def tuning(self):
        return (self.folder / "cache/gmc/tuning.json").read_bytes()

    def restore_tuning(self, content):
        (self.folder / "cache/gmc/tuning.json").write_bytes(content)


def sets_of(model):
    """Settings that make a run of the model short: few examples, small batches."""
    text = path_of(model).read_text()
    if model not in TEST_MODELS and "synthetic" not in text:
        data = "data/weather.csv" if "csv:" in text else "data/sounds" if "wav:" in text else "data"
        arrays = ["normal=data/normal.npy"] if "npy:" in text else []
        return ["train.batch_size=4", f"data={data}", *arrays]
    return ["train.batch_size=4", f"data.{'point' if 'point:' in text else 'image'}.count={EXAMPLES}"]


def checkpoint(folder, run):
    return (folder / run / CHECKPOINT).read_bytes()


def kept(folder, run):
    return {path.name: path.read_bytes() for path in (folder / run / "checkpoints").iterdir()}


def is_writing(run):
    return any(name.startswith(f".{CHECKPOINT}.tmp") for name in os.listdir(run)) if run.is_dir() else False


def size_of(path):
    return path.stat().st_size if path.exists() else 0


def kill_somewhere(bench, process, run, numbers, inside_a_write, how=signal.SIGKILL):
    """Ends the process by a signal, which it must not have done by itself: before its first step, a while after, or
    while it writes a checkpoint."""
    metrics = bench.folder / run / "metrics.jsonl"
    before = size_of(metrics)
    if numbers.random() < 0.1:
        time.sleep(numbers.uniform(0, 0.3))
    else:
        while process.poll() is None and size_of(metrics) <= before:
            time.sleep(0.001)
        time.sleep(numbers.uniform(0, 0.05))
        while inside_a_write and process.poll() is None and not is_writing(bench.folder / run):
            pass
    if process.poll() is not None:
        sys.exit(f"{run}: training ended with exit code {process.returncode}\n{process.stderr.read()}")
    process.send_signal(how)
    if process.wait() not in (-how, 128 + how):
        sys.exit(f"{run}: signal {how} ended training with exit code {process.returncode}\n{process.stderr.read()}")


def rows_of(folder, run):
    """What metrics.jsonl says, but for how fast training was."""
    rows = [json.loads(line) for line in (folder / run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "examples_per_s"} for row in rows]


def check_metrics(folder, run):
    """Each line is whole, and there is one for every step."""
    # Signs and validation have lines of their own, beside the losses of their step.
    steps = [row["step"] for row in rows_of(folder, run)
             if "sign" not in row and not any(name.startswith("validation_") for name in row)]
    if steps != list(range(1, len(steps) + 1)):
        sys.exit(f"{run}: metrics.jsonl has the steps {steps}")
    return len(steps)


def step_of(folder, run):
    with open(folder / run / CHECKPOINT, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return int(header["__metadata__"]["step"])


def many_kills(bench, kills):
    """One run, killed again and again; the tuning cache is empty each time that it is resumed."""
    name = bench.compile("vae_mlp", "f32", "data=data", "train.batch_size=8", "train.validate=0.25",
                         "train.keep={last: 4, best: loss}",
                         "objective.beta={linear: {from: 0, to: 4, over: 50 epochs}}")

    def train(run, *words):
        return ["gmrun", "train", name + ".gmc", "--run", run, "--quiet", "--samples", "0", "--log-every", "1",
                "--checkpoint-every", "3 steps", "--epochs", "1000000", *words]

    bench.run(*train("warm", "--steps", "1"))
    bench.settle_tuning()
    tuning = bench.tuning()
    numbers = random.Random(kills)
    lost = last = inside = 0
    run = bench.folder / "killed"
    for kill in range(kills):
        if (run / "run.json").exists():
            bench.forget_tuning()
        process = bench.start(*train("killed", *(["--resume"] if run.is_dir() else [])))
        kill_somewhere(bench, process, "killed", numbers, kill % 3 == 2,
                       signal.SIGTERM if kill % 3 == 1 else signal.SIGKILL)
        inside += is_writing(run)
        if (run / CHECKPOINT).exists():
            step = step_of(bench.folder, "killed")
            lost += step < last
            last = step
    steps = last + 20
    bench.run(*train("killed", "--steps", str(steps), "--resume"))
    bench.restore_tuning(tuning)
    bench.run(*train("whole", "--steps", str(steps)))
    same = checkpoint(bench.folder, "killed") == checkpoint(bench.folder, "whole")
    if lost or not same:
        sys.exit(f"{kills} kills: {lost} times steps were lost; after {steps} steps the same bits: {same}")
    if check_metrics(bench.folder, "killed") != steps or \
            rows_of(bench.folder, "killed") != rows_of(bench.folder, "whole"):
        sys.exit("killed: metrics.jsonl is not that of the whole run")
    if kept(bench.folder, "killed") != kept(bench.folder, "whole"):
        sys.exit(f"killed: it keeps {sorted(kept(bench.folder, 'killed'))} or other bytes, the whole run "
                 f"{sorted(kept(bench.folder, 'whole'))}")
    left = [p.name for p in run.iterdir() if ".tmp-" in p.name]
    if left:
        sys.exit(f"killed: temporary files are left: {left}")
    print(f"{kills} kills of one run of {steps} steps, {inside} inside a write: nothing lost, the same bits",
          flush=True)


def resumed_like_whole(bench, model, precision, numbers):
    """2N steps in one piece, and N steps, a kill, and the rest without what was measured."""
    name = bench.compile(model, precision, *sets_of(model))

    def train(run, steps, *words):
        return ["gmrun", "train", name + ".gmc", "--run", name + run, "--quiet", "--samples", "0", "--log-every", "1",
                "--epochs", "1000", "--steps", str(steps), "--checkpoint-every", "1 steps", *words]

    half = 4
    bench.run(*train("_whole", 2 * half))
    bench.settle_tuning()
    process = bench.start(*train("_parts", 1000))
    metrics = bench.folder / (name + "_parts/metrics.jsonl")
    while process.poll() is None and not (metrics.exists() and metrics.read_bytes().count(b"\n") >= half - 1):
        time.sleep(0.002)
    time.sleep(numbers.uniform(0, 0.02))
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed_at = step_of(bench.folder, name + "_parts")
    if killed_at >= 2 * half:  # a fast model: the whole run goes as far
        half = killed_at
        bench.run(*train("_whole", 2 * half, "--resume"))
    tuning = bench.tuning()
    bench.forget_tuning()
    bench.run(*train("_parts", 2 * half, "--resume"))
    bench.restore_tuning(tuning)
    if checkpoint(bench.folder, name + "_parts") != checkpoint(bench.folder, name + "_whole"):
        sys.exit(f"{name}: {2 * half} steps, killed after {killed_at} and resumed, are not those of one run")
    if check_metrics(bench.folder, name + "_parts") != 2 * half or \
            rows_of(bench.folder, name + "_parts") != rows_of(bench.folder, name + "_whole"):
        sys.exit(f"{name}: metrics.jsonl is not that of the whole run")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", required=True, type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--all-models", action="store_true")
    options = parser.parse_args()
    models = all_models() if options.all_models else SMALL_MODELS
    numbers = random.Random(7)
    with tempfile.TemporaryDirectory(prefix="gmc-kills-") as folder:
        bench = Bench(options.bin_dir.resolve(), pathlib.Path(folder))
        many_kills(bench, options.kills)
        for model in models:
            for precision in ("f32", "bf16"):
                resumed_like_whole(bench, model, precision, numbers)
        print(f"{len(models)} models, f32 and bf16: killed and resumed, the same bits")


if __name__ == "__main__":
    main()
