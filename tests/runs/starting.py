#!/usr/bin/env python3
"""The files that start many machines (runtime/processes/starting) call mpirun and gmrun as these want it.

Usage: tests/runs/starting.py --bin-dir build

Slurm, ssh and mpirun are stand-ins that write down how they were called; the words for gmrun are then given to the real
one, which must understand them. A job whose time is up stops and queues itself again. The file for Kubernetes is
read as YAML by gmc, and its command run in the same way.
"""
import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

STARTING = pathlib.Path(__file__).resolve().parents[2] / "runtime/processes/starting"
MODEL = """model: points
data: {x: {synthetic: {set: ring}, count: 64}}
networks:
  net: {inputs: {x: data.x}, layers: [{dense: 2}]}
objective: {minimize: {networks: net, loss: "mean(sum((net(x) - x)^2))"}}
train: {batch_size: 16, epochs: 1}
"""
# mpirun without its own options, in one process.
MPIRUN = """#!/bin/bash
echo "mpirun $*" >> "$CALLS"
while [ "$1" != gmrun ]; do shift; done
exec "$@"
"""
OTHERS = """#!/bin/bash
echo "$(basename "$0") $*" >> "$CALLS"
case "$*" in *"gmrun --version"*) gmrun --version ;; "-n node1 sha256sum "*) sh -c "${*:3}" ;; esac
"""


class Machine:
    """A folder with stand-ins in front of the PATH."""

    def __init__(self, folder, bin_dir):
        self.folder = folder
        tools = folder / "tools"
        tools.mkdir()
        for name, text in (("mpirun", MPIRUN), ("ssh", OTHERS), ("scp", OTHERS), ("scontrol", OTHERS)):
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        self.calls = folder / "calls"
        self.environment = {**os.environ, "PATH": f"{tools}:{bin_dir}:{os.environ['PATH']}", "CALLS": str(self.calls),
                            "XDG_CACHE_HOME": str(folder / "cache"), "SLURM_CPUS_PER_TASK": "8",
                            "SLURM_JOB_ID": "7"}
        (folder / "model.yaml").write_text(MODEL)
        (folder / "long.yaml").write_text(MODEL.replace("epochs: 1", "epochs: 1000000"))
        for name in ("model", "long"):
            self.run("gmc", "compile", "--shards=8", f"{name}.yaml")

    def run(self, *words):
        self.calls.write_text("")
        done = subprocess.run(words, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return self.calls.read_text().splitlines()


def expect(calls, *patterns):
    for pattern in patterns:
        if not any(re.fullmatch(pattern, call) for call in calls):
            sys.exit(f"no call is like `{pattern}`:\n" + "\n".join(calls))


def started(machine, words, mpirun):
    """Begins a run, and then goes on with it."""
    expect(machine.run(*words), mpirun.replace("RESUME ", ""))
    expect(machine.run(*words), mpirun.replace("RESUME", "--resume"))


def requeued(machine):
    """The time of a job is up: gmrun stops with a checkpoint, and the job is queued again. One that is ended is not."""
    checkpoint = machine.folder / "runs/long/checkpoint.safetensors"
    for sent, again in ((signal.SIGUSR1, True), (signal.SIGTERM, False)):
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        machine.calls.write_text("")
        job = subprocess.Popen([STARTING / "slurm.sh", "long.gmc"], cwd=machine.folder, env=machine.environment)
        while job.poll() is None and not (checkpoint.exists() and checkpoint.stat().st_mtime_ns > before):
            time.sleep(0.01)
        job.send_signal(sent)
        if job.wait() != 128 + signal.SIGUSR1:
            sys.exit(f"a job that got {sent}: exit {job.returncode}")
        if ("scontrol requeue 7" in machine.calls.read_text()) != again:
            sys.exit(f"a job that got {sent} called:\n{machine.calls.read_text()}")


def kubernetes_command(machine, bin_dir):
    """The launcher's script, after gmc has parsed the file: it is no model, which has to be all that is wrong."""
    path = STARTING / "kubernetes.yaml"
    checked = subprocess.run([bin_dir / "gmc", "check", path], capture_output=True, text=True)
    if "[unknown-key]" not in checked.stderr or "yaml" in checked.stderr.replace("kubernetes.yaml", ""):
        sys.exit(f"{path} is no YAML\n{checked.stderr}")
    text = path.read_text()
    script = re.search(r"args:\n +- >-\n((?: {18}.*\n)+)", text).group(1)
    return " ".join(script.split()).replace("/training", str(machine.folder))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", required=True, type=pathlib.Path)
    bin_dir = parser.parse_args().bin_dir.resolve()
    for script in STARTING.glob("*.sh"):
        subprocess.run(["bash", "-n", script], check=True)
    with tempfile.TemporaryDirectory(prefix="gmc-starting-") as folder:
        machine = Machine(pathlib.Path(folder), bin_dir)
        started(machine, [STARTING / "slurm.sh", "model.gmc"],
                "mpirun --map-by slot:PE=8 --bind-to core gmrun train --quiet --run runs/model "
                "--checkpoint-every 10 minutes RESUME model.gmc")
        requeued(machine)
        pathlib.Path(folder, "runs").rename(pathlib.Path(folder, "runs-slurm"))
        pathlib.Path(folder, "hosts").write_text("# two machines\nnode1 slots=2\nnode2 slots=2\n")
        calls = machine.run(STARTING / "ssh.sh", "hosts", "model.gmc")
        expect(calls, "ssh -n node1 gmrun --version", "ssh -n node2 mkdir -p .*", "scp -q /.*/model.gmc node2:/.*",
               "mpirun --hostfile hosts --bind-to none gmrun train --run runs/model /.*/model.gmc")
        if any("scp" in call and "node1" in call for call in calls):
            sys.exit("the model was copied to where it is:\n" + "\n".join(calls))
        started(machine, ["sh", "-c", kubernetes_command(machine, bin_dir).replace("runs/", "runs-pods/")],
                f"mpirun -n 8 --bind-to none --wdir {folder} gmrun train --quiet --run runs-pods/model "
                "--checkpoint-every 10 minutes RESUME model.gmc")
    print("Slurm, ssh and Kubernetes start what they should")


if __name__ == "__main__":
    main()
