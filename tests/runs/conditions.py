#!/usr/bin/env python3
"""Trainings whose surroundings fail: each ends with the exit code that is promised, keeps what was trained, and when
the trouble is over --resume goes on to the bits of a run that nothing disturbed.

Usage: tests/runs/conditions.py --bin-dir build
"""
import argparse
import contextlib
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

from kills import Bench, check_metrics, checkpoint, is_writing, step_of

PICTURES = 200
MODEL = """model: NAME
data: {image: DATA}
networks: {net: {inputs: {x: data.image}, layers: [flatten, {dense: 8}, {dense: 64}, {reshape: [8, 8, 1]}]}}
objective: {minimize: [{networks: net, loss: "mean(sum((net(image) - image)^2))"}]}
train: {batch_size: 2, epochs: 1}
"""


def expect(holds, text):
    if not holds:
        sys.exit(text)


def compile_small(bench, name, data, units=8):
    text = MODEL.replace("NAME", name).replace("DATA", data).replace("dense: 8", f"dense: {units}")
    (bench.folder / (name + ".yaml")).write_text(text)
    bench.run("gmc", "compile", name + ".yaml")
    return name


def train_words(name, run, *words):
    return ["gmrun", "train", name + ".gmc", "--run", run, "--quiet", "--samples", "0", "--log-every", "1", *words]


def wait_for(process, condition):
    """Waits until `condition` holds; the process must not end before."""
    while not condition():
        if process.poll() is not None:
            error = process.stderr.read() if process.stderr else ""
            sys.exit(f"training ended too early, exit code {process.returncode}\n{error}")
        time.sleep(0.001)


def has_steps(bench, run, count, since=0):
    """Whether the log has so many lines and was written after `since`. It may be moved away at any moment."""
    path = bench.folder / run / "metrics.jsonl"
    try:
        return path.stat().st_mtime_ns > since and path.read_bytes().count(b"\n") >= count
    except FileNotFoundError:
        return False


def check_goes_on(bench, name, run, *words):
    """Resumed, the run ends in the bits of one that nothing disturbed, with the kernels that were measured for it."""
    bench.settle_tuning()
    steps = step_of(bench.folder, run) + 5
    bench.run(*train_words(name, run, "--resume", "--steps", str(steps), *words))
    bench.run(*train_words(name, run + "_whole", "--steps", str(steps), *words))
    expect(checkpoint(bench.folder, run) == checkpoint(bench.folder, run + "_whole"), f"{run}: other bits")
    expect(check_metrics(bench.folder, run) == steps, f"{run}: lines of metrics are missing")


def closed_pipe(bench, name):
    """`gmrun train | head -1` trains to its end."""
    words = [w for w in train_words(name, "pipe", "--epochs", "3") if w != "--quiet"]
    process = subprocess.Popen([str(bench.bin_dir / words[0]), *words[1:]], cwd=bench.folder, env=bench.environment,
                               stdout=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    expect(process.wait() == 0, f"closed pipe: exit code {process.returncode}")
    expect(check_metrics(bench.folder, "pipe") == 3 * 32, "closed pipe: steps are missing")


def full_disk(bench, name):
    """No file may become larger than the model and a little: the metrics are the first that do."""
    most = max((bench.folder / (name + ".gmc")).stat().st_size, len(checkpoint(bench.folder, "pipe"))) + 4096
    words = train_words(name, "disk", "--epochs", "1000000")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # noqa: E731
    done = subprocess.run([str(bench.bin_dir / words[0]), *words[1:]], cwd=bench.folder, env=bench.environment,
                          capture_output=True, text=True, preexec_fn=limit)
    expect(done.returncode == 3, f"full disk: exit code {done.returncode}\n{done.stderr}")
    expect("is kept in `disk/checkpoint.safetensors`" in done.stderr, f"full disk: {done.stderr}")
    check_goes_on(bench, name, "disk", "--epochs", "1000000")


def still_full(bench, name):
    """Where the disk is as full as before, --resume ends with 3 and leaves every file as it was: a limit on the size of
    files stands for it, and, where root may mount one, a disk without a free block."""
    def files(run):
        return {path.relative_to(run): path.read_bytes() for path in run.rglob("*")
                if path.is_file() and path.name != ".lock"}

    def check(run, limit=None):
        before = files(bench.folder / run)
        for more in ([], ["--more-epochs", "2"], ["--log-every", "3"], ["--tensorboard"]):
            words = ["gmrun", "train", name + ".gmc", "--run", run, "--resume", "--quiet", *more]
            done = subprocess.run([str(bench.bin_dir / words[0]), *words[1:]], cwd=bench.folder, env=bench.environment,
                                  capture_output=True, text=True, preexec_fn=limit)
            expect(done.returncode == 3, f"still full, {more}: exit code {done.returncode}\n{done.stderr}")
            expect("cannot be written" in done.stderr, f"still full, {more}: {done.stderr}")
            after = files(bench.folder / run)
            if "--tensorboard" in more:
                after = {path: after[path] for path in after if "tfevents" not in path.name}
            differ = [str(path) for path in {*before, *after} if before.get(path) != after.get(path)]
            expect(not differ, f"still full, {more}: other files: {differ}")

    bench.run(*train_words(name, "still", "--epochs", "1000000", "--steps", "40"))
    check("still", lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
    check_goes_on(bench, name, "still", "--epochs", "1000000")
    disk = bench.folder / "small_disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "gmc-test", disk], capture_output=True).returncode:
        return
    try:
        bench.run(*train_words(name, "small_disk/run", "--epochs", "1000000", "--steps", "40"))
        with open(disk / "fill", "wb") as fill, contextlib.suppress(OSError):
            while True:
                os.write(fill.fileno(), bytes(4096))
        check("small_disk/run")
        (disk / "fill").unlink()
        check_goes_on(bench, name, "small_disk/run", "--epochs", "1000000")
    finally:
        subprocess.run(["umount", disk], check=True)


def full_disk_for_checkpoints(bench):
    """Every file fits but the checkpoint: it is told which one is kept, and how the run goes on."""
    name = compile_small(bench, "wide", "{synthetic: {set: shapes, size: 8}, range: [0, 1], count: 64}", 400)
    words = ["--epochs", "1000000", "--checkpoint-every", "4 steps"]

    def train_limited(*more):
        all_words = train_words(name, "wide", *more)
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # noqa: E731
        done = subprocess.run([str(bench.bin_dir / all_words[0]), *all_words[1:]], cwd=bench.folder,
                              env=bench.environment, capture_output=True, text=True, preexec_fn=limit)
        expect(done.returncode == 3, f"full disk for checkpoints: exit code {done.returncode}\n{done.stderr}")
        return done.stderr

    error = train_limited(*words)
    expect("there is no checkpoint yet; once " in error and "--resume begins from the start" in error, error)
    bench.run(*train_words(name, "wide", "--resume", "--steps", "6", *words))
    error = train_limited("--resume", *words)
    expect("the checkpoint of step 6 is kept in `wide/checkpoint.safetensors`; once " in error and
           "--resume goes on from there" in error, error)
    check_goes_on(bench, name, "wide", *words)


def replace_run(bench):
    """A run that --overwrite gives up is there until the new one has a checkpoint, whatever ends that before. An epoch
    has so many and slow steps that none ends before a signal comes, however late this program is."""
    name = compile_small(bench, "long", "{synthetic: {set: shapes, size: 8}, range: [0, 1], count: 40000}", 4000)
    run = bench.folder / "replaced"
    bench.run(*train_words(name, "replaced", "--steps", "3"))

    def files():
        return {path.relative_to(run): path.read_bytes() for path in run.rglob("*")
                if path.is_file() and path.name != ".lock"}

    old = files()

    def is_old(what):
        now = files()
        expect(now == old, f"{what}: the old run is not as it was: {sorted(map(str, now))}")

    overwrite = train_words(name, "replaced", "--overwrite", "--seed", "7")
    for most in (200, 1000, 4000, (run / "model.gmc").stat().st_size + 200):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # noqa: E731,B023
        done = subprocess.run([str(bench.bin_dir / overwrite[0]), *overwrite[1:], "--steps", "20000"], cwd=bench.folder,
                              env=bench.environment, capture_output=True, text=True, preexec_fn=limit)
        expect(done.returncode in (1, 3), f"replaced, files of {most} bytes: exit {done.returncode}\n{done.stderr}")
        is_old(f"replaced, files of {most} bytes")
    brought_back = 0
    for kill in range(12):
        process = bench.start(*overwrite)
        wait_for(process, lambda: (run / ".replaced").exists() or (run / ".replaced.part").exists())
        time.sleep(0.02 * (kill // 4))
        process.kill()
        process.wait()
        brought_back += (run / ".replaced").exists()
        done = subprocess.run([str(bench.bin_dir / "gmrun"), "info", "replaced"], cwd=bench.folder,
                              env=bench.environment, capture_output=True, text=True)
        expect(done.returncode == 0 and "is back" in done.stderr, f"replaced, kill {kill}: {done.stderr}")
        is_old(f"replaced, kill {kill}")
    expect(brought_back > 0, "replaced: no run was killed while it replaced another")
    kept_beside(bench, name, run, overwrite, is_old)
    bench.run(*overwrite, "--steps", "2")
    expect(step_of(bench.folder, "replaced") == 2 and not (run / ".replaced").exists(), "replaced: the old run stays")


def interrupt(bench, words, run, steps):
    """Starts a training, sends it SIGTERM when its log has so many lines, and gives what it says on stderr."""
    started = time.time_ns()
    process = bench.start(*words)
    wait_for(process, lambda: has_steps(bench, run.name, steps, started))
    process.terminate()
    process.wait()
    error = process.stderr.read()
    expect(process.returncode == 143, f"{run.name}, interrupted: exit {process.returncode}\n{error}")
    expect("gmrun: SIGTERM: stopping after this step, with a checkpoint; a second signal ends at once\n" in error,
           f"{run.name}: the signal is not answered\n{error}")
    return error


def kept_beside(bench, name, run, overwrite, is_old):
    """Interrupted before a checkpoint is due, the new run has one, and the old run stays beside it."""
    for _ in range(2):  # the second time the old run is aside already
        error = interrupt(bench, overwrite, run, 3)
        expect("is kept in `replaced/.replaced` until" in error, f"replaced, interrupted: {error}")
        expect(step_of(bench.folder, "replaced") > 0, "replaced, interrupted: no checkpoint")
    (run / "checkpoint.safetensors").unlink()
    bench.run("gmrun", "info", "replaced")
    is_old("replaced, interrupted")
    interrupt(bench, overwrite, run, 3)
    resume = train_words(name, "replaced", "--resume", "--checkpoint-every", "1 steps")
    interrupt(bench, resume, run, step_of(bench.folder, "replaced") + 3)
    expect(not (run / ".replaced").exists(), "replaced: the old run stays beside a checkpoint that was due")
    shutil.rmtree(run)
    bench.run(*train_words(name, "replaced", "--steps", "3"))


def moved_folder(bench, name):
    """The run's folder is moved in mid-epoch, before or after its first checkpoint, and nothing is put in its place."""
    for every in ("20 steps", "1000000 steps"):
        place, away = bench.folder / "moved", bench.folder / "back"
        process = bench.start(*train_words(name, "moved", "--epochs", "1000000", "--checkpoint-every", every))
        wait_for(process, lambda: has_steps(bench, "moved", 50))
        place.rename(away)
        process.wait()
        error = process.stderr.read()
        told = f"was moved to `{away}` while it trained [bad-file]" in error and "another" not in error
        kept = f"{away}/checkpoint.safetensors`; with --run {away}, --resume goes on from there" in error
        expect(process.returncode == 3 and told and kept and "written again" not in error,
               f"moved folder: {process.returncode}\n{error}")
        expect(not place.exists(), "moved folder: it was made again")
        check_goes_on(bench, name, "back", "--epochs", "1000000")
        shutil.rmtree(away)
        shutil.rmtree(bench.folder / "back_whole")


def taken_place(bench, name):
    """The run's folder is moved while it trains, or removed, and another run begins there, which is left alone."""
    for is_moved in (True, False):
        place, away = bench.folder / "place", bench.folder / "away"
        words = train_words(name, "place", "--epochs", "1000000", "--checkpoint-every", "20 steps")
        process = bench.start(*words)
        wait_for(process, lambda: has_steps(bench, "place", 50))
        process.send_signal(signal.SIGSTOP)  # until the other run is there
        place.rename(away)
        if not is_moved:
            shutil.rmtree(away)
        bench.run(*train_words(name, "place", "--steps", "3", "--seed", "5"))
        there = {path.name: path.read_bytes() for path in place.rglob("*") if path.is_file()}
        process.send_signal(signal.SIGCONT)
        process.wait()
        error = process.stderr.read()
        expect(process.returncode == 3 and "another one is there now" in error,
               f"taken place: {process.returncode}\n{error}")
        expect(there == {path.name: path.read_bytes() for path in place.rglob("*") if path.is_file()},
               "taken place: the other run was written into")
        shutil.rmtree(place)
        if not is_moved:
            continue
        expect(f"{away}/checkpoint.safetensors" in error and "--resume goes on from there" in error,
               f"taken place: it does not say where the run is\n{error}")
        check_goes_on(bench, name, "away", "--epochs", "1000000")
        shutil.rmtree(away)


def removed_lock(bench, name):
    """A lock that is removed is made again; where another process has taken it meanwhile, the first one ends."""
    run = bench.folder / "locked"
    words = train_words(name, "locked", "--epochs", "1000000", "--checkpoint-every", "20 steps")
    first = bench.start(*words)
    wait_for(first, lambda: has_steps(bench, "locked", 30))
    (run / ".lock").unlink()
    wait_for(first, (run / ".lock").exists)
    second = bench.start(*words, "--resume")
    expect(second.wait() == 1 and "another process" in second.stderr.read(), "removed lock: two train in one folder")
    first.send_signal(signal.SIGSTOP)
    (run / ".lock").unlink()
    second = bench.start(*words, "--resume")
    lock = run / ".lock"
    wait_for(second, lambda: lock.exists() and lock.read_text() == f"{second.pid}\n")
    first.send_signal(signal.SIGCONT)
    expect(first.wait() == 3, f"removed lock: exit {first.returncode}")
    error = first.stderr.read()
    expect("another process trains there now" in error and "removed while" in error, f"removed lock: {error}")
    second.terminate()
    expect(second.wait() == 143, f"removed lock: the second process ended with {second.returncode}")
    check_goes_on(bench, name, "locked", "--epochs", "1000000")


def moved_and_back(bench, name):
    """A folder that is back in its place is not said to be elsewhere, nor is the run said to be lost."""
    place, away = bench.folder / "rocking", bench.folder / "away"
    process = bench.start(*train_words(name, "rocking", "--epochs", "1000000", "--checkpoint-every", "1 steps"))
    wait_for(process, lambda: has_steps(bench, "rocking", 30))
    for _ in range(40):
        place.rename(away)
        time.sleep(0.0005)
        away.rename(place)
        time.sleep(0.002)
    if process.poll() is None:
        process.terminate()
    process.wait()
    error = process.stderr.read()
    expect(process.returncode in (143, 3) and "another one" not in error,
           f"moved and back: {process.returncode}\n{error}")
    check_goes_on(bench, name, "rocking", "--epochs", "1000000")


def removed_files(bench, name):
    """Somebody removes files of a run while it trains, or all of its folder."""
    run = bench.folder / "removed"
    names = ["metrics.jsonl", "run.json", "model.gmc"]
    words = train_words(name, "removed", "--epochs", "1000000", "--checkpoint-every", "20 steps")
    process = bench.start(*words)
    wait_for(process, lambda: has_steps(bench, "removed", 30))
    for file in names:
        (run / file).unlink()
    wait_for(process, lambda: all((run / file).exists() for file in names))
    process.terminate()
    process.wait()
    error = process.stderr.read()
    expect(process.returncode == 143 and error.count("it is written again") == 3, f"removed files: {error}")
    check_goes_on(bench, name, "removed", "--epochs", "1000000")
    shutil.rmtree(run)
    process = bench.start(*words)
    wait_for(process, lambda: has_steps(bench, "removed", 30))
    run.rename(bench.folder / "removed_now")  # at one moment, which rmtree is not
    while (bench.folder / "removed_now").exists():  # a checkpoint may be written there meanwhile
        shutil.rmtree(bench.folder / "removed_now", ignore_errors=True)
    process.wait()
    error = process.stderr.read()
    told = "`removed` was removed while it trained" in error or "`removed` was moved to" in error
    expect(process.returncode == 3 and told,
           f"removed folder: {process.returncode}\n{error}")
    expect(not run.exists(), "removed folder: it was made again")


def signals(bench, name):
    """The first signal ends training, a second one at once; neither loses a thing."""
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGUSR1, 138),
                         (signal.SIGXCPU, 152)):
        for pause in (0, 0.02):
            run = f"signals_{code}_{pause}"
            process = bench.start(*train_words(name, run, "--epochs", "1000000", "--checkpoint-every", "1 steps"))
            wait_for(process, lambda: has_steps(bench, run, 3))
            while pause == 0 and process.poll() is None and not is_writing(bench.folder / run):
                pass
            process.send_signal(number)
            time.sleep(pause)
            process.send_signal(number)
            process.wait()
            expect(process.returncode in (code, -number), f"{run}: exit code {process.returncode}")
            bench.run(*train_words(name, run, "--resume", "--epochs", "1000000", "--steps",
                                   str(step_of(bench.folder, run) + 1)))
            check_metrics(bench.folder, run)


def piped_picture(bench):
    """A picture that became a pipe is an error, and is not waited for."""
    path = bench.folder / "pictures/100.png"
    whole = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    process = bench.start(*train_words("pictures", "piped"))
    error = process.communicate(timeout=300)[1]
    expect(process.returncode == 3 and "not a regular file" in error, f"pipe: exit {process.returncode}\n{error}")
    path.unlink()
    path.write_bytes(whole)
    check_goes_on(bench, "pictures", "piped", "--epochs", "1000")


def while_reading(bench):
    """A signal while data are read: nothing more is read. They may all have been read before the signal comes."""
    name = "points"
    (bench.folder / "points.yaml").write_text(
        "model: points\ndata: {x: {synthetic: {set: ring}, count: 4000000}}\n"
        "networks: {net: {inputs: {x: data.x}, layers: [dense: 2]}}\n"
        "objective: {minimize: {networks: net, loss: mean(sum(net(x)^2))}}\n"
        "train: {batch_size: 2, epochs: 1, validate: 0.5}\n")
    bench.run("gmc", "compile", "points.yaml")
    for attempt in range(20):
        run = f"reading{attempt}"
        words = [word for word in train_words(name, run) if word != "--quiet"]
        process = subprocess.Popen([str(bench.bin_dir / words[0]), *words[1:]], cwd=bench.folder,
                                   env=bench.environment, stdout=subprocess.PIPE, text=True)
        wait_for(process, (bench.folder / run / ".lock").exists)
        process.terminate()
        text = process.communicate()[0]
        expect(process.returncode == 143, f"reading: exit code {process.returncode}\n{text}")
        expect(step_of(bench.folder, run) >= 0, "reading: no checkpoint")
        if "examples" not in text:
            return
    sys.exit(f"reading: the data are read to their end in spite of a signal\n{text}")


def while_measuring(bench):
    """A signal while contractions are measured: the checkpoint is of the initial state."""
    name = bench.compile("dcgan64", "f32", "train.batch_size=16", "data.image.count=64")
    bench.forget_tuning()
    lock = bench.folder / "cache/gmc/tuning.json.lock"
    lock.unlink(missing_ok=True)
    process = bench.start(*train_words(name, "measuring"))
    wait_for(process, lock.exists)
    process.send_signal(signal.SIGTERM)
    process.wait()
    expect(process.returncode == 143, f"measuring: exit code {process.returncode}\n{process.stderr.read()}")
    expect((bench.folder / "measuring/checkpoint.safetensors").exists(), "measuring: no checkpoint")
    expect(not has_steps(bench, "measuring", 1), "measuring: a step was taken")
    before = checkpoint(bench.folder, "measuring")
    for words in (["--overwrite"], ["--resume"]):
        bench.forget_tuning()
        lock.unlink(missing_ok=True)
        process = bench.start(*train_words(name, "measuring", *words))
        wait_for(process, lock.exists)
        process.send_signal(signal.SIGTERM)
        process.wait()
        expect(process.returncode == 143, f"measuring: exit code {process.returncode}\n{process.stderr.read()}")
        expect(checkpoint(bench.folder, "measuring") == before, f"measuring, {words}: the run has changed")


def odd_resumes(bench, name):
    """A run that is copied, moved or linked goes on; one that trains already, or whose checkpoint is no file, is
    refused; another precision is told."""
    def fails(word, *words):
        process = bench.start(*train_words(name, *words))
        process.wait()
        error = process.stderr.read()
        expect(process.returncode == 1 and word in error, f"{words}: exit code {process.returncode}\n{error}")

    running = bench.start(*train_words(name, "odd", "--epochs", "1000000"))
    wait_for(running, lambda: has_steps(bench, "odd", 3))
    fails("another process", "odd", "--resume")
    fails("another process", "odd", "--overwrite")
    running.send_signal(signal.SIGTERM)
    running.wait()
    shutil.copytree(bench.folder / "odd", bench.folder / "copied")
    (bench.folder / "linked").symlink_to("copied")
    check_goes_on(bench, name, "linked", "--epochs", "1000000")
    (bench.folder / "odd").rename(bench.folder / "renamed")
    with open(bench.folder / "renamed/metrics.jsonl", "a") as metrics:
        metrics.write('{"step":999,"epo')  # as a crash of the machine may leave it
    check_goes_on(bench, name, "renamed", "--epochs", "1000000")
    bench.run("gmc", "compile", name + ".yaml", "--precision", "bf16", "-o", "other.gmc")
    words = ["train", "other.gmc", "--run", "renamed", "--resume", "--epochs", "1000000", "--samples", "0",
             "--steps", str(step_of(bench.folder, "renamed") + 1)]
    process = subprocess.run([str(bench.bin_dir / "gmrun"), *words], cwd=bench.folder, env=bench.environment,
                             capture_output=True, text=True)
    expect("computed in f32, and is from here on in bf16" in process.stdout, f"precision: {process.stdout}")
    path = bench.folder / "renamed/checkpoint.safetensors"
    path.unlink()
    os.mkfifo(path)
    fails("not a file with data", "renamed", "--resume")


def changed_in_epoch(bench, name):
    """A run is stopped in mid-epoch and goes on with other batches: its steps can be repeated on both sides."""
    text = (bench.folder / (name + ".yaml")).read_text()
    (bench.folder / "kept.yaml").write_text(text.replace("epochs: 1", "epochs: 1, keep: {last: 3}"))
    bench.run("gmc", "compile", "kept.yaml")
    run = bench.folder / "changed"
    interrupt(bench, train_words("kept", "changed", "--epochs", "1000000", "--no-tune"), run, 2 * 32 + 3)
    bench.run("gmc", "compile", "kept.yaml", "--set", "train.batch_size=4")
    step = step_of(bench.folder, "changed")
    bench.run(*train_words("kept", "changed", "--resume", "--epochs", "1000000", "--steps", str(step + 3)))
    bench.run("gmrun", "verify", "changed")
    kept = {path.name for path in (run / "checkpoints").iterdir()}
    expect({f"step-{n:08}.safetensors" for n in (step, step + 3)} <= kept, f"changed in an epoch: kept {kept}")


def png(pixel):
    """A grey picture of 8 x 8."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes((pixel * 7 + x * y) % 256 for x in range(8)) for y in range(8))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def broken_picture(bench):
    """A picture is bad that comes late in the epoch: the steps before it are kept."""
    (bench.folder / "pictures").mkdir()
    for i in range(PICTURES):
        (bench.folder / f"pictures/{i:03}.png").write_bytes(png(i))
    compile_small(bench, "pictures", "{folder: pictures, size: 8, channels: 1, range: [0, 1]}")
    kept = 0
    for i in range(0, PICTURES, 50):
        run = f"broken_{i}"
        path = bench.folder / f"pictures/{i:03}.png"
        path.write_bytes(png(i)[:60])
        process = bench.start(*train_words("pictures", run))
        process.wait()
        expect(process.returncode == 3, f"{run}: exit code {process.returncode}\n{process.stderr.read()}")
        path.write_bytes(png(i))
        kept += step_of(bench.folder, run)
        check_goes_on(bench, "pictures", run, "--epochs", "1000")
    expect(kept > 0, "broken pictures: no step was kept")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", required=True, type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gmc-conditions-") as folder:
        bench = Bench(options.bin_dir.resolve(), pathlib.Path(folder))
        name = compile_small(bench, "small", "{synthetic: {set: shapes, size: 8}, range: [0, 1], count: 64}")
        bench.run(*train_words(name, "warm", "--steps", "1"))
        for check in (closed_pipe, full_disk, still_full, removed_files, moved_folder, moved_and_back, taken_place,
                      removed_lock, signals, odd_resumes, changed_in_epoch):
            check(bench, name)
        full_disk_for_checkpoints(bench)
        replace_run(bench)
        broken_picture(bench)
        piped_picture(bench)
        while_reading(bench)
        while_measuring(bench)
    print("closed pipe, full disk, still full, removed files, replaced run, moved folder, taken place, removed lock, "
          "two signals, odd resumes, change in an epoch, bad and piped picture, signal while reading or measuring: "
          "nothing lost")


if __name__ == "__main__":
    main()
