"""Processes that cannot train together say so before the first step, in one message; unlike processors are levelled."""
import os
import pathlib
import shutil
import struct
import subprocess
import sys

from group_runs import check_same, expect, once
from kills import CHECKPOINT
from threads import tensors

MODEL = """model: numbers
data: {x: {npy: x.npy}}
networks:
  net: {inputs: {x: data.x}, layers: [{dense: {units: 4, activation: tanh}}, {dense: 8}]}
objective: {minimize: {networks: net, loss: "mean(sum((net(x) - x)^2))"}}
train: {batch_size: 16, epochs: 2}
"""


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
    two = processes.words(None, 1, name + ".gmc", "--run", "misfit", *words, "--seed=2")
    expect(processes.run([*one, ":", "-n", "1", *two], 1), "the same options: process 0 on")
    one = processes.words(launcher, 1, name + ".gmc", "--run", f"same/{launcher}", *words)
    two = processes.words(None, 1, name + ".gmc", "--run", f"./same//{launcher}/", *words)
    processes.run([*one, ":", "-n", "1", *two])
    wrong_lines(processes, launcher, name, words)
    other_programs(processes, launcher, name, words)
    alone(processes, launcher, name)
    not_joining(processes, launcher, name, words)
    no_plugin(processes, launcher)
    other_data(processes, launcher, words)
    if (processes.bench.folder / "misfit").exists():
        sys.exit("a run that did not begin has a folder")


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
    """The second process runs another version, or is of another family of processors, as far as its program says; and
    where the model is named by the folder of a run, another model."""
    folder = processes.bench.folder / f"other_{launcher}"
    bin_dir = processes.bench.bin_dir
    folder.mkdir()
    (folder / f"gmc_{launcher}.so").symlink_to(bin_dir / f"gmc_{launcher}.so")
    version = subprocess.run([bin_dir / "gmrun", "--version"], capture_output=True, text=True).stdout.split()[1]
    one = processes.words(launcher, 1, name + ".gmc", "--run", "misfit", *words)
    two = [str(folder / "gmrun"), *processes.words(None, 1, name + ".gmc", "--run", "misfit", *words)[1:]]
    for own, other, text in ((version, "9" + version[1:], "the same version of gmrun: process 0 on"),
                             ("x86-64", "arm-64", "the same kernels: process 0 on")):
        if own == "x86-64" and os.uname().machine != "x86_64":
            continue
        program = (bin_dir / "gmrun").read_bytes().replace(own.encode() + b"\0", other.encode() + b"\0")
        (folder / "gmrun").write_bytes(program)
        (folder / "gmrun").chmod(0o755)
        expect(processes.run([*one, ":", "-n", "1", *two], 1), text)
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


def not_joining(processes, launcher, name, words):
    """A process that does not join, whichever it is, says why itself, and the others end within seconds."""
    train = processes.words(None, 1, name + ".gmc", "--run", "misfit", *words)
    program = train[0]
    for other, text in (([program, "eval", "nothing"], "has started 2 processes, but `gmrun eval` runs in one"),
                        ([program, "evl"], "gmrun: no command `evl`"), (["true"], "")):
        for first, second in ((train, other), (other, train)):
            started = [*processes.launchers[launcher], "-n", "1", *first, ":", "-n", "1", *second]
            done = subprocess.run(started, cwd=processes.bench.folder, env=processes.bench.environment, text=True,
                                  capture_output=True, timeout=60)
            if done.returncode == 0:
                sys.exit(f"{started}: exit code 0")
            once(done.stderr, text) if text else None
            # OpenMPI ends the others when one has ended.
            if launcher == "mpich":
                once(done.stderr, f"process {int(second is other)} of 2 has ended, so all end")


def no_plugin(processes, launcher):
    folder = processes.bench.folder / f"no_plugin_{launcher}"
    folder.mkdir()
    shutil.copy(processes.bench.bin_dir / "gmrun", folder)
    out = processes.run([*processes.launchers[launcher], "-n", "3", str(folder / "gmrun"), "train", "x.gmc"], 1)
    once(out, f"but there is neither `{folder}/gmc_{launcher}.so` nor `")


def other_data(processes, launcher, words):
    """The second process finds other numbers in its file, fewer of them, and then no file."""
    folder = processes.bench.folder / f"numbers_{launcher}"
    for name in ("one", "other", "fewer", "none"):
        (folder / name).mkdir(parents=True)
        rows = 63 if name == "fewer" else 64
        header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 8), }\n" % rows
        numbers = bytes(i * (5 if name == "other" else 3) % 256 for i in range(8 * rows))
        if name != "none":
            (folder / name / "x.npy").write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header +
                                                  numbers)
    (folder / "one/numbers.yaml").write_text(MODEL)
    subprocess.run([processes.bench.bin_dir / "gmc", "compile", "--shards", "2", "numbers.yaml", "-o",
                    "../numbers.gmc"], cwd=folder / "one", check=True, capture_output=True)
    train = [str(processes.bench.bin_dir / "gmrun"), "train", str(folder / "numbers.gmc"), "--run",
             str(processes.bench.folder / "misfit"), *words]
    told = "must have the same data: the data of `x` (`x.npy`): 64 examples here"
    for name, text in (("other", told + " and there, but other values (here: process 0 on"),
                       ("fewer", told + ", 63 there (here: process 0 on"),
                       ("none", "`x.npy`, the data of `x`, is not there")):
        start = [*processes.launchers[launcher], "-n", "1", "-wdir", str(folder / "one"), *train]
        expect(processes.run([*start, ":", "-n", "1", "-wdir", str(folder / name), *train], 1), text)


AVX2 = ["--isa", "avx2"]
LEVELLED = "all compute with AVX2, to the bits of --isa avx2"


def unlike_processors(processes, launcher):
    """Where one process has AVX2 only, all compute so: the bits are those of one process with --isa avx2, also when the
    run goes on without it. What differs in a processor is said."""
    name = processes.compile("vae_mlp", "bf16")
    run_of = lambda run: f"{run}_{launcher}"  # noqa: E731
    words = lambda run, steps, *more: [  # noqa: E731
        name + ".gmc", "--run", run_of(run), "--quiet", "--samples", "0", "--log-every", "1", "--steps", steps, *more]
    alone = lambda *more: processes.run(processes.words(None, 1, *more))  # noqa: E731
    alone(*words("best", "2"))
    alone(*words("avx2", "2", *AVX2))
    processes.bench.settle_tuning()
    if not differ(processes.bench, run_of("best"), run_of("avx2")):
        return  # this processor has nothing newer
    for run, first, second in (("mixed", [], AVX2), ("swapped", AVX2, [])):
        out = processes.run([*processes.words(launcher, 1, *words(run, "2", *first)), ":", "-n", "2",
                             *processes.words(None, 1, *words(run, "2", *second))])
        expect(out, "the processors differ: process 0 on")
        once(out, LEVELLED)
        check_same(processes.bench, run_of("avx2"), run_of(run))
    alone(*words("avx2", "4", "--resume", *AVX2))
    once(alone(*words("mixed", "4", "--resume")), "computes with AVX2 only, as")
    once(processes.run(processes.words(launcher, 2, *words("swapped", "4", "--resume"))), "computes with AVX2 only, as")
    for run in ("mixed", "swapped"):
        check_same(processes.bench, run_of("avx2"), run_of(run))
    verify = [str(processes.bench.bin_dir / "gmrun"), "verify", run_of("mixed"), "--steps", "1"]
    once(processes.run(verify), "computes with AVX2 only, as")
    expect(alone(*words("swapped", "5", "--resume", "--isa", "best")), "trained by another machine or build")
    other_cpus(processes, launcher, name)


def differ(bench, one, other):
    return tensors(bench.folder / one / CHECKPOINT) != tensors(bench.folder / other / CHECKPOINT)


def other_cpus(processes, launcher, name):
    """The second process reads another /proc/cpuinfo. That needs root."""
    info = processes.bench.folder / "cpuinfo"
    own = pathlib.Path("/proc/cpuinfo").read_text()
    swap = ["unshare", "--mount", "sh", "-c", f'mount --bind {info} /proc/cpuinfo && exec "$@"', "sh"]
    info.write_text(own)
    if subprocess.run([*swap, "true"], capture_output=True).returncode != 0:
        return
    words = [name + ".gmc", "--run", "cpus", "--overwrite", "--quiet", "--samples", "0", "--steps", "1", "--no-tune"]
    model = next(line for line in own.splitlines() if line.startswith("model name"))
    for text, said in ((own.replace(" avx512_vnni", ""), LEVELLED),
                       (own.replace(model, model + " II"), "bits differ from those of one kind where"),
                       (own.replace(model, model + " II").replace(" avx512_vnni", ""), LEVELLED + " but where")):
        info.write_text(text)
        out = processes.run([*processes.words(launcher, 1, *words), ":", "-n", "1", *swap,
                             *processes.words(None, 1, *words)])
        once(out, said)
