"""Trainings in several processes, which mpirun starts: how tests begin them, look at them and compare them."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from kills import CHECKPOINT, path_of, sets_of, step_of
from threads import tensors

SHARDS = 4
STEPS = 3
MOST_SECONDS_TO_END = 10
LAUNCHERS = {
    "openmpi": ["mpirun.openmpi", "--oversubscribe", "--allow-run-as-root", "--bind-to", "none"],
    "mpich": ["mpirun.mpich"],
}
SLOTS = "--shard-optimizer"


def launchers_here(bin_dir):
    return {name: words for name, words in LAUNCHERS.items()
            if (bin_dir / f"gmc_{name}.so").exists() and shutil.which(words[0])}


def has_avx2():
    return " avx2 " in pathlib.Path("/proc/cpuinfo").read_text()


def batch_of(sets, rows):
    return [f"train.batch_size={rows}" if "batch_size" in each else each for each in sets]


class Processes:
    """Trainings of one compiled model."""

    def __init__(self, bench, launchers):
        self.bench, self.launchers = bench, launchers
        # Processes share two cores here: more threads would only take turns.
        bench.environment["OMP_NUM_THREADS"] = "1"

    def words(self, launcher, count, *words):
        before = [] if launcher is None else [*self.launchers[launcher], "-n", str(count)]
        return [*before, str(self.bench.bin_dir / "gmrun"), "train", *words]

    def run(self, words, expected=0):
        done = subprocess.run(words, cwd=self.bench.folder, env=self.bench.environment, capture_output=True, text=True)
        # MPICH's mpirun kills the others when the first has ended, and its code has the bits of all.
        codes = {expected, expected | signal.SIGKILL, signal.SIGKILL} if expected else {0}
        if done.returncode != expected and not ("mpich" in words[0] and done.returncode in codes):
            sys.exit(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def compile(self, model, precision, shards=SHARDS, more=()):
        name = "_".join([model, precision, str(shards), *more]).replace("/", "_")
        self.bench.train_first(path_of(model).read_text())
        sets = [word for each in batch_of(sets_of(model), 16) for word in ("--set", each)]
        cut = ["--shards", str(shards)] if shards else []
        self.bench.run("gmc", "compile", str(path_of(model)), "-o", name + ".gmc", "--precision", precision, *cut,
                       *more, *sets)
        return name

    def train(self, name, launcher, count, run, *words):
        return self.run(self.words(launcher, count, name + ".gmc", "--run", run, "--quiet", "--samples", "0",
                                   "--log-every", "1", "--epochs", "1000000", *words))


def losses(folder, run):
    rows = [json.loads(line) for line in (folder / run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "examples_per_s"} for row in rows]


def check_same(bench, first, run):
    one, other = (tensors(bench.folder / each / CHECKPOINT) for each in (first, run))
    differ = [name for name in one if other.get(name) != one[name]]
    if differ or one.keys() != other.keys():
        sys.exit(f"{run}: {len(differ)} of {len(one)} tensors differ from those of {first}, e.g. {differ[:3]}")
    if losses(bench.folder, first) != losses(bench.folder, run):
        sys.exit(f"{run}: other losses than {first}")


def same_bits(processes, model, precision, *words, more=(), shards=SHARDS, counts=(2, 3, 4)):
    bench = processes.bench
    name = processes.compile(model, precision, shards, more)
    first = "_".join([name, "1", *words])
    processes.train(name, None, 1, first, "--steps", str(STEPS), *words)
    bench.settle_tuning()
    for launcher in processes.launchers:
        for count in counts:
            run = "_".join([name, launcher, str(count), *words])
            processes.train(name, launcher, count, run, "--steps", str(STEPS), *words)
            check_same(bench, first, run)
    return first


def expect(output, text):
    if text not in output:
        sys.exit(f"no word of `{text}` in:\n{output}")


def once(output, text):
    if output.count(text) != 1:
        sys.exit(f"not one `{text}` in:\n{output}")


def ranks_of(run):
    """The processes of a training, by what their command lines say."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if words and words[0].endswith(b"/gmrun") and run.encode() in words:
            found.append(int(entry.name))
    return sorted(found)


def steps_at(run):
    """The steps of the checkpoint; 0 without one."""
    folder = pathlib.Path(run)
    return step_of(folder.parent, folder.name) if (folder / CHECKPOINT).exists() else 0


def seconds_to_end(run, kill):
    begin = time.monotonic()
    while ranks_of(run):
        if time.monotonic() - begin > MOST_SECONDS_TO_END:
            for pid in ranks_of(run):
                os.kill(pid, signal.SIGKILL)
            sys.exit(f"{run}: kill {kill}: the others still run after {MOST_SECONDS_TO_END} seconds")
        time.sleep(0.01)
    return time.monotonic() - begin


def is_stuck(mpi, what):
    """Whether mpirun does not end although its processes have: OpenMPI 4.1.4 with PMIx 4.2.2 was seen to wait for a
    lock in PMIx_server_finalize for ever."""
    try:
        mpi.wait(MOST_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        mpi.kill()
        mpi.wait()
        return True
    if mpi.returncode == 0:
        sys.exit(f"{what}: exit code 0")
    return False


def start(processes, launcher, count, name, run, *words, save_every=2, log_every=1):
    training = [name + ".gmc", "--run", run, "--quiet", "--samples", "0", "--log-every", str(log_every), "--epochs",
                "1000000", "--checkpoint-every", f"{save_every} steps", "--no-tune", *words]
    return subprocess.Popen(processes.words(launcher, count, *training), cwd=processes.bench.folder, text=True,
                            env=processes.bench.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
