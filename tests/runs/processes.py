#!/usr/bin/env python3
"""Trains in 1 to 8 processes, with every MPI that is here: checkpoints and losses are the same, byte for byte.

Usage: tests/runs/processes.py --bin-dir build [--all-models | --kills N]

Also: a run of 4 processes is resumed by 1 and 3 and is like one that never stopped; so is one whose processes share the
optimizer's slots, and one that goes back after it diverged. Local steps come to shared ones where they should.
Processes that do not fit together are told apart before the first step, in one message; unlike
processors compute with what all have. Where a process dies, or
mpirun, the others end within seconds, even where mpirun hangs. With --kills, random processes are killed at random
moments: all end within seconds, and the checkpoint is good; no process takes more memory after more steps; and one that
stands still is named.
Exit code 77, for "skipped", where gmc was built without MPI.
"""
import argparse
import json
import math
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

from deaths import asked_to_stop, bad_example, flat_memory, full_disk, kills, lone_deaths, stopped
from group_runs import (SLOTS, STEPS, Processes, check_same, expect, has_avx2, is_stuck, launchers_here, losses, once,
                        ranks_of, same_bits, start, steps_at)
from kills import CHECKPOINT, Bench, all_models, checkpoint
from misfits import misfits, unlike_processors
from threads import tensors

SMALL_MODELS = ["vae_mlp", "wgan_gp_ring", "hinge_sn", "loops", "extragradient", "couplings", "wae_mmd", "seed_gan"]
MOST_ROUNDING = 1e-5
LOCAL = """model: local
data: {x: {synthetic: ring}}
networks: {net: {inputs: {x: data.x}, layers: [{dense: {units: 64, activation: relu}}, {dense: 2}]}}
objective: {minimize: {networks: net, loss: "mean(sum((net(x) - x)^2))"}}
train: {batch_size: 16, epochs: 200, validate: 0.1, optimizer: {sgd: {learning_rate: 0.01}}}
"""
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

    def train_group(run, *more):
        return processes.run(processes.words(launcher, 3, name + ".gmc", "--run", run, "--samples", "0",
                                             "--log-every", "1", SLOTS, *more))

    out = train_group(f"{name}_group", *words)
    expect(out, "back to the weights of step")
    expect(out, "optimizer: each of 3 processes has")
    check_same(processes.bench, f"{name}_alone", f"{name}_group")
    same_replay(processes, out, f"{name}_alone", f"{name}_group")
    train_group(f"{name}_blocked", "--steps", "1", "--no-tune")
    for step in range(2, 10):  # no file can have these names then
        (processes.bench.folder / f"{name}_blocked" / f"diverged-step-{step}.replay").mkdir()
    blocked = train_group(f"{name}_blocked", "--resume", *words)
    expect(blocked, "`gmrun replay` cannot run the step again")
    if faults_told(blocked) != faults_told(out):
        sys.exit(f"without replay files other operations are at fault:\n{blocked}\n{out}")


def faults_told(out):
    return [line for line in out.splitlines() if "the first value that is not finite" in line]


def same_replay(processes, out, alone, group):
    """A group writes the replays that one process writes, and says once for each what was at fault."""
    files = [sorted((processes.bench.folder / run).glob("*.replay")) for run in (alone, group)]
    if not files[0] or [f.name for f in files[0]] != [f.name for f in files[1]]:
        sys.exit(f"other replays: {files}")
    for one, other in zip(*files):
        if one.read_bytes() != other.read_bytes():
            sys.exit(f"{other} differs from that of one process")
    told = faults_told(out)
    if len(told) != out.count("back to the "):
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


def in_short_pieces(processes):
    """As between machines. MPICH can be told to take each process for a machine; for OpenMPI networks.py has some."""
    processes.bench.environment["MPIR_CVAR_NOLOCAL"] = "1"
    same_bits(processes, "vae_mlp", "f32", "--no-tune", counts=(3, 4))
    del processes.bench.environment["MPIR_CVAR_NOLOCAL"]


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
        shared, own = (losses(bench.folder, run_of(f"{run}_{count}")) for run in ("shared", "one"))
        if not all(math.isclose(a["loss"], b["loss"], rel_tol=MOST_ROUNDING) for a, b in zip(shared, own, strict=True)):
            sys.exit(f"{count} processes: losses of local steps are not the means over the processes: {shared} {own}")
    outer = ["--local-steps", "5", "--outer-step", "nesterov"]
    train(3, "through", "--steps", "30", *outer)
    train(3, "parts", "--steps", "10", *outer)
    train(3, "parts", "--steps", "30", "--resume")
    if checkpoint(bench.folder, run_of("parts")) != checkpoint(bench.folder, run_of("through")):
        sys.exit("local steps: other bits after --resume")
    if losses(bench.folder, run_of("parts")) != losses(bench.folder, run_of("through")):
        sys.exit("local steps: other losses after --resume")
    if not any(name.startswith("outer_momentum.") for name in tensors(bench.folder / run_of("parts") / CHECKPOINT)):
        sys.exit("local steps: the checkpoint has no momentum of the outer step")
    told = bench.run("gmrun", "info", run_of("parts"))
    once(told, "local steps: 5 by each of 3 processes, then --outer-step nesterov")
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
    average = ["--outer-step", "average"]
    once(run(1, *through, *average), "with --outer-step nesterov, so it cannot go on with --outer-step average")
    shared = ["local.gmc", "--run", run_of("shared_2"), "--resume"]
    once(run(1, *shared, "--local-steps", "4"), "without local steps")
    once(run(1, *shared, *average), "without local steps, so it cannot go on with --outer-step average")
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", required=True, type=pathlib.Path)
    parser.add_argument("--all-models", action="store_true")
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup gmrun would rightly ignore it
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
                stopped(processes, launcher)
            return
        models = all_models() if options.all_models else SMALL_MODELS
        for model in models:
            for precision in ("f32", "bf16") if options.all_models or model == "vae_mlp" else ("f32",):
                same_bits(processes, model, precision)
        same_bits(processes, "vae_mlp", "f32", shards=8, counts=(5, 8))
        in_short_pieces(processes)
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
                if has_avx2():
                    unlike_processors(processes, launcher)
                lone_deaths(processes, launcher)
                asked_to_stop(processes, launcher)
                full_disk(processes, launcher)
                bad_example(processes, launcher)
                for left in ("through", "parts", "slots"):
                    shutil.rmtree(pathlib.Path(folder) / left)
        print(f"{len(models)} models in 1 to 8 processes of {' and '.join(launchers)}: the same bits")


if __name__ == "__main__":
    main()
