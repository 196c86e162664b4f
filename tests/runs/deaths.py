"""Processes that die, and how much memory they take while they live."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from conditions import PICTURES, compile_small, png
from group_runs import MOST_SECONDS_TO_END, SHARDS, SLOTS, is_stuck, once, ranks_of, seconds_to_end, start, steps_at
from kills import CHECKPOINT, checkpoint

PAGE = os.sysconf("SC_PAGE_SIZE")
MEMORY_STEPS = (100, 500)
MOST_GROWTH = 2 << 20


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


def of_rank(run, rank):
    return next(pid for pid in ranks_of(run) if rank_of(pid) == rank)


def asked_to_stop(processes, launcher):
    """A signal to any one process stops all, with a checkpoint and its exit code; it is said which process got it."""
    name = processes.compile("vae_mlp", "f32")
    run = str(processes.bench.folder / f"asked_{launcher}")
    for rank, sent in ((2, signal.SIGTERM), (1, signal.SIGHUP), (0, signal.SIGHUP), (1, signal.SIGINT)):
        mpi = start(processes, launcher, 3, name, run, "--overwrite", save_every=1000000)
        while mpi.poll() is None and steps_in(run) < 3:
            time.sleep(0.01)
        os.kill(of_rank(run, rank), sent)
        seconds_to_end(run, f"{sent.name} to process {rank}")
        if not is_stuck(mpi, "a signal to one process") and mpi.returncode != 128 + sent:
            sys.exit(f"{run}: {sent.name} to process {rank}: exit {mpi.returncode}\n{mpi.stderr.read()}")
        said = mpi.stderr.read().count(f"process {rank} of 3 on {os.uname().nodename} was asked to stop ({sent.name})")
        if steps_at(run) < 3 or said != (rank > 0):
            sys.exit(f"{run}: {sent.name} to process {rank}: step {steps_at(run)}, said {said} times")
        pathlib.Path(run, "metrics.jsonl").unlink()


def stopped(processes, launcher):
    """A process that stands still is named after a minute, also process 0, and training goes on when it does."""
    name = processes.compile("vae_mlp", "f32")
    run = str(processes.bench.folder / f"stopped_{launcher}")
    mpi = start(processes, launcher, 3, name, run)
    for rank in (2, 0):
        before = steps_at(run)
        while mpi.poll() is None and steps_at(run) <= before:
            time.sleep(0.01)
        os.kill(of_rank(run, rank), signal.SIGSTOP)
        line = mpi.stderr.readline()
        if f"waited for process {rank} of 3 on" not in line:
            sys.exit(f"{run}: process {rank} stands still: {line}")
        os.kill(of_rank(run, rank), signal.SIGCONT)
        if "training goes on" not in (line := mpi.stderr.readline()):
            sys.exit(f"{run}: process {rank} goes on: {line}")
    os.kill(of_rank(run, 1), signal.SIGTERM)
    is_stuck(mpi, f"{run}: asked to stop")


def full_disk(processes, launcher):
    """The disk of process 0 has room for one checkpoint, not for the next beside it: all end, which is said once, and
    the one that is there is good. With more room another number of processes goes on. A disk needs root."""
    name = processes.compile("vae_mlp", "f32")
    disk = processes.bench.folder / f"disk_{launcher}"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "gmc-test", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        return
    try:
        words = [name + ".gmc", "--run", str(disk / "run"), "--quiet", "--samples", "0", "--log-every", "1",
                 "--no-tune", "--steps", "6", "--checkpoint-every", "2 steps"]
        once(processes.run(processes.words(launcher, 3, *words), 3), "No space left on device")
        if not 0 < steps_at(disk / "run") < 6:
            sys.exit(f"the disk was full, and the checkpoint is of step {steps_at(disk / 'run')}")
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        processes.run(processes.words(launcher, 2, *words, "--resume"))
        processes.train(name, None, 1, f"room_{launcher}", "--steps", "6", "--no-tune")
        if checkpoint(disk, "run") != checkpoint(processes.bench.folder, f"room_{launcher}"):
            sys.exit("a run whose disk was full has other bits")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def bad_example(processes, launcher):
    """A picture that one process cannot read, the first or another one: all end, which is said once."""
    bench, name = processes.bench, f"pictures_{launcher}"
    (bench.folder / name).mkdir()
    for i in range(PICTURES):
        (bench.folder / name / f"{i:03}.png").write_bytes(png(i))
    compile_small(bench, name, f"{{folder: {name}, size: 8, channels: 1, range: [0, 1]}}")
    bench.run("gmc", "compile", f"{name}.yaml", "--set", "train.batch_size=8", "--shards", str(SHARDS))
    told = set()
    for i in range(0, PICTURES, PICTURES // 8):
        path = bench.folder / name / f"{i:03}.png"
        path.write_bytes(png(i)[:60])
        out = processes.run(processes.words(launcher, 3, name + ".gmc", "--run", f"{name}_{i}", "--quiet", "--samples",
                                            "0", "--no-tune", "--epochs", "1000"), 3)
        path.write_bytes(png(i))
        once(out, f"{path.name}` (60 bytes) is not a good PNG")
        once(out, "cannot go on, so all end; --resume goes on from the last checkpoint")
        told |= {rank for rank in range(3) if f"process {rank} of 3 cannot go on" in out}
    if 0 not in told or len(told) == 1:
        sys.exit(f"bad pictures: only processes {told} have read one")


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
