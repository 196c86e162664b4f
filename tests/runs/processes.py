#!/usr/bin/env python3
"""Trains in 1 to 8 processes, with every MPI that is here: checkpoints and losses are the same, byte for byte.

Usage: tests/runs/processes.py --bin-dir build [--all-models | --kills N]

Also: a run of 4 processes is resumed by 1 and 3 and is like one that never stopped; so is one whose processes share the
optimizer's slots, and one that goes back after it diverged. Local steps come to shared ones where they should.
Processes that do not fit together are told apart before the first step, in one message. Where a process dies, or
mpirun, the others end within seconds, even where mpirun hangs. With --kills, random processes are killed at random
moments: all end within seconds, and the checkpoint is good; and no process takes more memory after more steps.
Exit code 77, for "skipped", where gmc was built without MPI.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

from kills import CHECKPOINT, Bench, all_models, checkpoint, path_of, sets_of, step_of
from threads import tensors

SMALL_MODELS = ["vae_mlp", "wgan_gp_ring", "hinge_sn", "loops", "extragradient", "couplings", "wae_mmd", "seed_gan"]
SHARDS = 4
STEPS = 3
MOST_SECONDS_TO_END = 10
PAGE = os.sysconf("SC_PAGE_SIZE")
MEMORY_STEPS = (100, 500)
MOST_GROWTH = 2 << 20
LAUNCHERS = {
    "openmpi": ["mpirun.openmpi", "--oversubscribe", "--allow-run-as-root", "--bind-to", "none"],
    "mpich": ["mpirun.mpich"],
}


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
        if done.returncode != expected:
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
                                   "--log-every", "1", "--epochs", "100", *words))


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


SLOTS = "--shard-optimizer"


def shared_slots(processes):
    """Each process has its part of the optimizer's slots; also of sums that are rounded. Alone it has all."""
    for model in ("vae_mlp", "hinge_sn", "extragradient", "seed_gan"):
        same_bits(processes, model, "f32", "--no-tune", SLOTS)
    same_bits(processes, "vae_mlp", "bf16", "--no-tune", SLOTS, more=["--shard-sums=bf16"], counts=(3, 4))
    same_bits(processes, "vae_mlp", "f32", "--no-tune", SLOTS, shards=8, counts=(5, 8))


def goes_back(processes, launcher):
    """A run that diverges goes back to its checkpoint three times, with slots that the processes share."""
    name = f"goes_back_{launcher}"
    (processes.bench.folder / f"{name}.yaml").write_text(DIVERGES)
    processes.bench.run("gmc", "compile", f"{name}.yaml", "--shards", "4")
    words = ["--steps", "9", "--no-tune"]
    processes.train(name, None, 1, f"{name}_alone", *words)
    out = processes.run(processes.words(launcher, 3, name + ".gmc", "--run", f"{name}_group", "--samples", "0",
                                        "--log-every", "1", SLOTS, *words))
    expect(out, "back to the weights of step")
    expect(out, "optimizer: each of 3 processes has")
    check_same(processes.bench, f"{name}_alone", f"{name}_group")
    same_replay(processes, out, f"{name}_alone", f"{name}_group")


def same_replay(processes, out, alone, group):
    """A group writes the replays that one process writes, and says once for each what was at fault."""
    files = [sorted((processes.bench.folder / run).glob("*.replay")) for run in (alone, group)]
    if not files[0] or [f.name for f in files[0]] != [f.name for f in files[1]]:
        sys.exit(f"other replays: {files}")
    for one, other in zip(*files):
        if one.read_bytes() != other.read_bytes():
            sys.exit(f"{other} differs from that of one process")
    told = [line for line in out.splitlines() if "the first value that is not finite" in line]
    if len(told) != out.count("back to the weights of step"):
        sys.exit(f"told {len(told)} times what was at fault:\n{out}")
    found = processes.bench.run("gmrun", "replay", str(files[1][-1]))
    if found.splitlines()[0] not in told:
        sys.exit(f"the replay shows something else:\n{found}\n{out}")


def rounded_sums(processes):
    """Gradients that are added up as bf16 numbers: other bits than in f32, but the same in all numbers of processes."""
    first = same_bits(processes, "vae_mlp", "f32", "--no-tune", more=["--shard-sums=bf16"])
    name = processes.compile("vae_mlp", "f32")
    processes.train(name, None, 1, "exact_sums", "--steps", str(STEPS), "--no-tune")
    rounded, exact = (tensors(processes.bench.folder / run / CHECKPOINT) for run in (first, "exact_sums"))
    if rounded == exact:
        sys.exit("--shard-sums=bf16 rounds nothing")


def resumed(processes, launcher):
    """4 processes, then 1, then 3: as one process that goes through."""
    name = processes.compile("vae_mlp", "f32")
    processes.train(name, None, 1, "through", "--steps", "6", "--no-tune")
    processes.train(name, launcher, 4, "parts", "--steps", "2", "--no-tune")
    processes.train(name, None, 1, "parts", "--steps", "4", "--resume", "--no-tune")
    processes.train(name, launcher, 3, "parts", "--steps", "6", "--resume", "--no-tune")
    check_same(processes.bench, "through", "parts")
    processes.train(name, launcher, 4, "slots", "--steps", "2", "--no-tune", SLOTS)
    processes.train(name, launcher, 3, "slots", "--steps", "3", "--resume", "--no-tune", SLOTS)
    processes.train(name, launcher, 2, "slots", "--steps", "4", "--resume", "--no-tune")
    processes.train(name, launcher, 2, "slots", "--steps", "6", "--resume", "--no-tune", SLOTS)
    for run in ("parts", "slots"):
        if checkpoint(processes.bench.folder, run) != checkpoint(processes.bench.folder, "through"):
            sys.exit(f"{run}: not the checkpoint of a run that goes through")


LOCAL = """model: local
data: {x: {synthetic: ring}}
networks: {net: {inputs: {x: data.x}, layers: [{dense: {units: 64, activation: relu}}, {dense: 2}]}}
objective: {minimize: {networks: net, loss: "mean(sum((net(x) - x)^2))"}}
train: {batch_size: 16, epochs: 200, validate: 0.1, optimizer: {sgd: {learning_rate: 0.01}}}
"""
MOST_ROUNDING = 1e-5


def local_steps(processes, launcher):
    """Steps that each process takes on its own. With plain gradient descent and one step between averages they come to
    those that are shared. A run that stops between two averages goes on from the last. What does not go together is
    refused."""
    bench = processes.bench
    (bench.folder / "local.yaml").write_text(LOCAL)
    bench.run("gmc", "compile", "local.yaml", "--shards", "8")
    run_of = lambda name: f"local_{launcher}_{name}"  # noqa: E731
    train = lambda count, run, *words: processes.train(  # noqa: E731
        "local", launcher, count, run_of(run), "--no-tune", *words)
    for count in (2, 3, 4):
        train(count, f"shared_{count}", "--steps", "12")
        train(count, f"one_{count}", "--steps", "12", "--local-steps", "1")
        shared, own = (tensors(bench.folder / run_of(f"{run}_{count}") / CHECKPOINT) for run in ("shared", "one"))
        worst = max(abs(a - b) for name in shared
                    for a, b in zip(memoryview(shared[name]).cast("f"), memoryview(own[name]).cast("f")))
        if worst > MOST_ROUNDING or shared.keys() != own.keys():
            sys.exit(f"{count} processes: one local step is {worst} from a shared one")
    outer = ["--local-steps", "5", "--outer-step", "nesterov"]
    train(3, "through", "--steps", "30", *outer)
    train(3, "parts", "--steps", "10", *outer)
    train(3, "parts", "--steps", "30", "--resume")
    if checkpoint(bench.folder, run_of("parts")) != checkpoint(bench.folder, run_of("through")):
        sys.exit("local steps: other bits after --resume")
    if not any(name.startswith("outer_momentum.") for name in tensors(bench.folder / run_of("parts") / CHECKPOINT)):
        sys.exit("local steps: the checkpoint has no momentum of the outer step")
    stopped_between(processes, launcher, run_of)
    refused(processes, launcher, run_of)


def stopped_between(processes, launcher, run_of):
    """Asked to stop within very many local steps, the run keeps the states before them."""
    words = [str(processes.bench.folder / run_of("stopped")), "--local-steps", "1000000"]
    mpi = start(processes, launcher, 2, "local", *words)
    metrics = pathlib.Path(words[0], "metrics.jsonl")
    while mpi.poll() is None and (not metrics.exists() or metrics.read_text().count("\n") < 3):
        time.sleep(0.01)
    for pid in ranks_of(words[0]):
        os.kill(pid, signal.SIGTERM)
    if is_stuck(mpi, "a stop between averages") or mpi.returncode not in (143, 15):
        sys.exit(f"a stop between averages: exit {mpi.returncode}\n{mpi.stderr.read()}")
    if steps_at(words[0]) != 0 or not pathlib.Path(words[0], CHECKPOINT).exists():
        sys.exit("a stop between averages kept states that only process 0 has")


def refused(processes, launcher, run_of):
    local = ["local.gmc", "--run", run_of("refused"), "--local-steps", "4"]
    run = lambda code, *words: processes.run(processes.words(launcher, 2, *words), code)  # noqa: E731
    once(run(1, *local, "--steps", "6"), "cannot stop after step 6, where its processes have different weights")
    once(run(2, *local, SLOTS), "they exclude each other")
    once(run(2, *local[:-2], "--outer-step", "average"), "it needs --local-steps")
    once(processes.run(processes.words(None, 1, *local), 2), "--local-steps is for several processes")
    through = ["local.gmc", "--run", run_of("through"), "--resume", "--steps", "40"]
    once(run(1, *through, "--local-steps", "4"), "was begun with --local-steps 5, so it cannot go on with")
    once(run(1, *through, "--local-steps", "5", "--outer-step", "average"), "was begun with --outer-step nesterov")
    once(run(1, "local.gmc", "--run", run_of("shared_2"), "--resume", "--local-steps", "4"), "without local steps")
    once(processes.run(processes.words(None, 1, *through), 1), "takes local steps in several processes")
    adam = processes.compile("vae_mlp", "f32")
    processes.train(adam, launcher, 2, run_of("adam"), "--no-tune", "--local-steps", "2", "--steps", "4")
    once(run(1, adam + ".gmc", "--run", run_of("adam"), "--resume", SLOTS), "shares what --local-steps has each")
    coupled = processes.compile("wae_mmd", "f32")
    once(run(1, coupled + ".gmc", *local[1:]), "cannot take steps of `wae_mmd` on their own")
    if (processes.bench.folder / run_of("refused")).exists():
        sys.exit("a run that was refused has a folder")
    expect(run(0, *through[:-2], "--steps", "40"), "local steps are taken by 2 processes now, by 3 before")


def profiled(processes, launcher):
    """Steps of two processes, with what their sums take: in a step, all gradients and the losses."""
    name = processes.compile("vae_mlp", "f32")
    words = processes.words(launcher, 2, name + ".gmc", "--steps", "2", "--no-tune", "--json")
    words[words.index("train")] = "profile"
    rows = [json.loads(row) for row in processes.run(words).splitlines() if row.startswith("{")]
    saved = tensors(processes.bench.folder / "through" / CHECKPOINT)
    parameters = sum(len(saved[name]) for name in saved if name.startswith(("encoder.", "decoder.")))
    if len(rows) != 1 or not 2 * parameters <= rows[0]["sums"]["bytes"] <= 2.1 * parameters:
        sys.exit(f"two steps of {parameters} bytes of parameters: {rows}")


def expect(output, text):
    if text not in output:
        sys.exit(f"no word of `{text}` in:\n{output}")


def misfits(processes, launcher):
    """What cannot train together is told before the first step, and no folder is left."""
    whole = processes.compile("vae_mlp", "f32", shards=0)
    words = ["--quiet", "--samples", "0", "--steps", "1", "--no-tune"]
    out = processes.run(processes.words(launcher, 2, whole + ".gmc", "--run", "misfit", *words), 1)
    expect(out, "was compiled for one process, not for 2")
    name = processes.compile("vae_mlp", "f32")
    out = processes.run(processes.words(launcher, 5, name + ".gmc", "--run", "misfit", *words), 1)
    expect(out, "the 4 shards of `vae_mlp` cannot be shared by 5 processes")
    expect(out, "start 1 to 4 processes")
    other = processes.compile("vae_mlp", "f32", shards=8)
    one = processes.words(launcher, 1, name + ".gmc", "--run", "misfit", *words)
    two = processes.words(None, 1, other + ".gmc", "--run", "misfit", *words)
    out = processes.run([*one, ":", "-n", "1", *two], 1)
    expect(out, "the processes of a run must have the same compiled model")
    options = {"--seed=2": "the same options: process 0 on",
               "--isa=avx2": "the same processor and kernels: process 0 on"}
    for option, text in options.items():
        if option == "--isa=avx2" and not has_avx2():
            continue
        two = processes.words(None, 1, name + ".gmc", "--run", "misfit", *words, option)
        expect(processes.run([*one, ":", "-n", "1", *two], 1), text)
    wrong_lines(processes, launcher, name, words)
    other_programs(processes, launcher, name, words)
    alone(processes, launcher, name)
    other_data(processes, launcher, words)
    if (processes.bench.folder / "misfit").exists():
        sys.exit("a run that did not begin has a folder")


def once(output, text):
    if output.count(text) != 1:
        sys.exit(f"not one `{text}` in:\n{output}")


def wrong_lines(processes, launcher, name, words):
    """What is wrong in several processes is said once, and so is --help."""
    run = lambda code, *more: processes.run(processes.words(launcher, 3, *more), code)  # noqa: E731
    once(run(2, name + ".gmc", "--bogus"), "gmrun train: no option `--bogus`")
    once(run(2, name + ".gmc", "--threads", "0"), "--threads must be from 1")
    once(run(0, "--help"), "usage: gmrun train")
    once(run(1, "nothing.gmc"), "there is no `nothing.gmc`")
    one = processes.words(launcher, 1, name + ".gmc", "--run", "misfit", *words)
    for more, text in ((["--bogus"], "process 1 on {} and 1 other: no option `--bogus`"),
                       (["--seed=2"], "process 1 on {} and 1 other have `")):
        two = processes.words(None, 1, name + ".gmc", "--run", "misfit", *words, *more)
        once(processes.run([*one, ":", "-n", "2", *two], 1), text.format(os.uname().nodename))


def other_programs(processes, launcher, name, words):
    """The second process runs another version; and where the model is named by the folder of a run, another model."""
    folder = processes.bench.folder / f"other_{launcher}"
    bin_dir = processes.bench.bin_dir
    folder.mkdir()
    version = subprocess.run([bin_dir / "gmrun", "--version"], capture_output=True, text=True).stdout.split()[1]
    own, other = (text.encode() + b"\0" for text in (version, "9" + version[1:]))
    (folder / "gmrun").write_bytes((bin_dir / "gmrun").read_bytes().replace(own, other))
    (folder / "gmrun").chmod(0o755)
    (folder / f"gmc_{launcher}.so").symlink_to(bin_dir / f"gmc_{launcher}.so")
    one = processes.words(launcher, 1, name + ".gmc", "--run", "misfit", *words)
    two = [str(folder / "gmrun"), *processes.words(None, 1, name + ".gmc", "--run", "misfit", *words)[1:]]
    expect(processes.run([*one, ":", "-n", "1", *two], 1), "the same version of gmrun: process 0 on")
    for place, model in (("a", name), ("b", processes.compile("vae_mlp", "f32", shards=8))):
        (folder / place / "run").mkdir(parents=True)
        shutil.copy(processes.bench.folder / (model + ".gmc"), folder / place / "run/model.gmc")
    train = processes.words(None, 1, "run", "--resume", *words)
    start = [*processes.launchers[launcher], "-n", "1", "-wdir", str(folder / "a"), *train]
    expect(processes.run([*start, ":", "-n", "1", "-wdir", str(folder / "b"), *train], 1), "the same compiled model")


def alone(processes, launcher, name):
    """Commands that several processes cannot share say so, and so does srun without MPI."""
    for program, command in (("gmrun", "eval"), ("gmrun", "verify"), ("gmrun", "sample"), ("gmc", "compile")):
        words = [*processes.launchers[launcher], "-n", "2", str(processes.bench.bin_dir / program), command, "nothing"]
        expect(processes.run(words, 2), f"has started 2 processes, but `{program} {command}` runs in one")
    srun = {**processes.bench.environment, "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "1"}
    done = subprocess.run(processes.words(None, 1, name + ".gmc"), cwd=processes.bench.folder, env=srun, text=True,
                          capture_output=True)
    if done.returncode != 1:
        sys.exit(f"training by srun without MPI: exit {done.returncode}")
    expect(done.stderr, "srun has started 4 processes, but without MPI they cannot find each other")


DIVERGES = """model: diverges
data: {x: {synthetic: ring}}
networks:
  net:
    {inputs: {x: data.x}, layers: [{dense: {units: 64, activation: relu}}, {dense: {units: 96, activation: relu}},
     {dense: 2}]}
objective: {minimize: {networks: net, loss: "mean(sum((net(x) - x)^2))"}}
train:
  {batch_size: 16, epochs: 200, validate: 0.1, on_divergence: lower_rate, retries: 20, checkpoint_every: 3 steps,
   optimizer: {sgd: {learning_rate: 3, momentum: 0.9}}}
"""

MODEL = """model: numbers
data: {x: {npy: x.npy}}
networks:
  net: {inputs: {x: data.x}, layers: [{dense: {units: 4, activation: tanh}}, {dense: 8}]}
objective: {minimize: {networks: net, loss: "mean(sum((net(x) - x)^2))"}}
train: {batch_size: 16, epochs: 2}
"""


def other_data(processes, launcher, words):
    """The second process finds other numbers in its file, and then no file."""
    folder = processes.bench.folder / f"numbers_{launcher}"
    for name in ("one", "other", "none"):
        (folder / name).mkdir(parents=True)
        header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (64, 8), }\n"
        numbers = bytes(i * (3 if name == "one" else 5) % 256 for i in range(512))
        if name != "none":
            (folder / name / "x.npy").write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header +
                                                  numbers)
    (folder / "one/numbers.yaml").write_text(MODEL)
    subprocess.run([processes.bench.bin_dir / "gmc", "compile", "--shards", "2", "numbers.yaml", "-o",
                    "../numbers.gmc"], cwd=folder / "one", check=True, capture_output=True)
    train = [str(processes.bench.bin_dir / "gmrun"), "train", str(folder / "numbers.gmc"), "--run",
             str(processes.bench.folder / "misfit"), *words]
    for name, text in (("other", "must have the same data: process 0"),
                       ("none", "`x.npy`, the data of `x`, is not there")):
        start = [*processes.launchers[launcher], "-n", "1", "-wdir", str(folder / "one"), *train]
        expect(processes.run([*start, ":", "-n", "1", "-wdir", str(folder / name), *train], 1), text)


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


def rank_of(pid):
    """As mpirun has told the process."""
    for word in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
        if word.startswith((b"OMPI_COMM_WORLD_RANK=", b"PMI_RANK=")):
            return int(word.split(b"=")[1])
    sys.exit(f"process {pid} has no rank")


def starters_of(mpi, ranks):
    """mpirun, and its helper that has started the ranks."""
    parents = {int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]) for pid in ranks}
    return {mpi.pid, *parents}


def start(processes, launcher, count, name, run, *words, save_every=2, log_every=1):
    training = [name + ".gmc", "--run", run, "--quiet", "--samples", "0", "--log-every", str(log_every), "--epochs",
                "1000000", "--checkpoint-every", f"{save_every} steps", "--no-tune", *words]
    return subprocess.Popen(processes.words(launcher, count, *training), cwd=processes.bench.folder, text=True,
                            env=processes.bench.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def shared_files(ranks):
    """The files in memory that processes share."""
    lines = [line for pid in ranks for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()]
    return {pathlib.Path(line.split()[5]) for line in lines if " /dev/shm/" in line and not line.endswith("(deleted)")}


def lone_deaths(processes, launcher):
    """mpirun hangs (it is stopped here) when a process dies: the others end by themselves, and one says why. They do,
    too, when mpirun dies, and leave nothing of it."""
    name = processes.compile("vae_mlp", "f32")
    run = str(processes.bench.folder / f"lone_{launcher}")
    folder = processes.bench.folder / f"files_of_{launcher}"
    folder.mkdir()
    processes.bench.environment["TMPDIR"] = str(folder)
    for victim in (0, 1, 3, "mpirun"):
        mpi = start(processes, launcher, 4, name, run, "--overwrite")
        before = steps_at(run)
        while mpi.poll() is None and (len(ranks_of(run)) < 4 or steps_at(run) in (0, before)):
            time.sleep(0.01)
        ranks = ranks_of(run)
        if mpi.poll() is not None:
            sys.exit(f"{run}: training ended by itself\n{mpi.stderr.read()}")
        files = shared_files(ranks)
        starters = starters_of(mpi, ranks)
        for pid in starters:
            os.kill(pid, signal.SIGSTOP)
        for pid in starters if victim == "mpirun" else [pid for pid in ranks if rank_of(pid) == victim]:
            os.kill(pid, signal.SIGKILL)
        seconds_to_end(run, victim)
        if victim == "mpirun":
            mpi.wait()
            if left := [path for path in [*files, *folder.iterdir()] if path.exists()]:
                sys.exit(f"{run}: mpirun was killed, and this is left: {left}")
            continue
        for pid in starters:
            os.kill(pid, signal.SIGCONT)
        stuck = is_stuck(mpi, f"{run}: process {victim} died")
        output = mpi.stderr.read()
        # UCX, on which MPICH may stand, aborts a process whose partner dies within a message: it says so itself.
        aborted = "process_vm_readv" in output
        words = output.count(f"gmrun: process {victim} of 4 on {os.uname().nodename} has died")
        if not stuck and not aborted and words != 1:
            sys.exit(f"{run}: not one word about the death of process {victim}:\n{output}")
    del processes.bench.environment["TMPDIR"]


def steps_in(run):
    metrics = pathlib.Path(run, "metrics.jsonl")
    lines = metrics.read_text().splitlines() if metrics.exists() else []
    return json.loads(lines[-1])["step"] if lines else 0


def flat_memory(processes, launcher):
    """Between a few steps and many no process takes more memory, beside what MPI keeps for messages on their way."""
    name = processes.compile("wgan_gp_ring", "f32")
    resident = lambda pid: int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE  # noqa: E731
    for kind, words in {"shared": [], "slots": [SLOTS], "local": ["--local-steps", "7"]}.items():
        run = str(processes.bench.folder / f"memory_{launcher}_{kind}")
        mpi = start(processes, launcher, 3, name, run, *words, save_every=100, log_every=25)
        taken = []
        for steps in MEMORY_STEPS:
            while mpi.poll() is None and steps_in(run) < steps:
                time.sleep(0.01)
            taken.append([resident(pid) for pid in ranks_of(run)])
        for pid in ranks_of(run):
            os.kill(pid, signal.SIGKILL)
        is_stuck(mpi, f"{run}: killed")
        grown = [after - before for before, after in zip(*taken)]
        if len(grown) != 3 or max(grown) > MOST_GROWTH:
            sys.exit(f"{run}: {taken[0]} bytes after {MEMORY_STEPS[0]} steps, {taken[1]} after {MEMORY_STEPS[1]}")


def kills(processes, launcher, count, numbers):
    name = processes.compile("vae_mlp", "f32")
    folder = processes.bench.folder
    run = str(folder / f"killed_{launcher}")
    words = ["--checkpoint-every", "2 steps", "--no-tune"]
    slowest = last = stuck = 0
    for kill in range(count):
        resume = ["--resume"] if pathlib.Path(run, CHECKPOINT).exists() else ["--overwrite"]
        slots = [SLOTS] if numbers.random() < 0.5 else []
        mpi = start(processes, launcher, numbers.choice((2, 3, 4)), name, run, *resume, *slots)
        early = numbers.random() < 0.2
        while mpi.poll() is None and (len(ranks_of(run)) < 2 or not early and steps_at(run) <= last):
            time.sleep(0.01)
        last = max(last, steps_at(run))
        time.sleep(numbers.uniform(0, 0.5))
        alive = ranks_of(run)
        if mpi.poll() is not None or not alive:
            sys.exit(f"{run}: training ended by itself\n{mpi.stderr.read()}")
        try:
            os.kill(numbers.choice(alive), signal.SIGKILL)
        except ProcessLookupError:
            pass
        slowest = max(slowest, seconds_to_end(run, kill))
        stuck += is_stuck(mpi, f"{run}: kill {kill}")
    if steps_at(run) < last:
        sys.exit(f"{run}: steps were lost")
    steps = steps_at(run) + 4
    resume = ["--resume"] if pathlib.Path(run, CHECKPOINT).exists() else ["--overwrite"]
    processes.train(name, launcher, 4, run, "--steps", str(steps), *words, *resume)
    processes.train(name, None, 1, f"whole_{launcher}", "--steps", str(steps), *words)
    if checkpoint(folder, run) != checkpoint(folder, f"whole_{launcher}"):
        sys.exit(f"{count} kills: other bits than those of a run that nobody disturbed")
    print(f"{count} kills of processes with {launcher}: all ended within {slowest:.1f} s; {steps} steps, the same bits"
          + (f"; mpirun itself did not end {stuck} times" if stuck else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", required=True, type=pathlib.Path)
    parser.add_argument("--all-models", action="store_true")
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    launchers = launchers_here(options.bin_dir.resolve())
    if not launchers:
        print("no MPI: nothing is tested")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="gmc-processes-") as folder:
        processes = Processes(Bench(options.bin_dir.resolve(), pathlib.Path(folder)), launchers)
        if options.kills:
            for launcher in launchers:
                kills(processes, launcher, options.kills, random.Random(options.kills))
                flat_memory(processes, launcher)
            return
        models = all_models() if options.all_models else SMALL_MODELS
        for model in models:
            for precision in ("f32", "bf16") if options.all_models or model == "vae_mlp" else ("f32",):
                same_bits(processes, model, precision)
        same_bits(processes, "vae_mlp", "f32", shards=8, counts=(5, 8))
        rounded_sums(processes)
        shared_slots(processes)
        if has_avx2():
            same_bits(processes, "seed_gan", "f32", "--no-tune", "--isa", "avx2")
        if not options.all_models:
            for launcher in launchers:
                resumed(processes, launcher)
                goes_back(processes, launcher)
                local_steps(processes, launcher)
                profiled(processes, launcher)
                misfits(processes, launcher)
                lone_deaths(processes, launcher)
                for left in ("through", "parts", "slots"):
                    shutil.rmtree(pathlib.Path(folder) / left)
        print(f"{len(models)} models in 1 to 8 processes of {' and '.join(launchers)}: the same bits")


if __name__ == "__main__":
    main()
