#!/usr/bin/env python3
"""Trains in processes on machines that a slow network joins: the bits are those of one process.

Usage: tests/runs/networks.py --bin-dir build

Each machine is a network namespace of Linux with a name of its own; a bridge joins them, and `tc` makes the links slow,
late and lossy. ssh is a stand-in that runs a command in the namespace of a machine. That needs root, and OpenMPI; where
they are not given, the exit code is 77, for "skipped". Delays and losses need netem in the kernel: without it, only
what tbf can do is tested, and what is left out is said.
"""
import argparse
import contextlib
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

from kills import Bench
from group_runs import Processes, check_same, launchers_here, ranks_of

MACHINES = 4
STEPS, STEPS_WITH_CUT = 6, 400
SECONDS_OF_CUT = 3
MOST_SECONDS_TO_NOTICE = 90
# A name, what netem is asked for, and the same for tbf where that can do it. The last is for machine 2 alone.
LINKS = [
    ("1 Gb/s", "rate 1gbit", "rate 1gbit burst 64kb latency 50ms", False),
    ("10 Gb/s, 0.1 ms", "rate 10gbit delay 50us", None, False),
    ("1 Gb/s, 1 ms", "rate 1gbit delay 500us", None, False),
    ("1 Gb/s, 1 % of packets lost", "rate 1gbit delay 50us loss 1%", None, False),
    ("one link of 50 Mb/s", "rate 50mbit", "rate 50mbit burst 64kb latency 50ms", True),
]
UNEVEN = [(2, 1), (1, 3), (2, 1, 1)]  # processes on each machine; of four shards
AGENT = """#!/bin/sh
# Stands for ssh: MACHINE COMMAND...
machine=$1; shift
exec ip netns exec "%s-$machine" unshare --uts sh -c "hostname $machine; $*"
"""


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def tool(*words):
    return subprocess.run(words, capture_output=True, text=True)


def must(*words):
    done = tool(*words)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: {done.stderr}")


class Network:
    """Machines 10.77.0.1, 10.77.0.2, ..., each in a namespace, on a bridge in one more. Or on late_switch.cpp, if it is
    given in `late` as a command that namespaces are added to: its links cannot be cut."""

    def __init__(self, folder, machines=MACHINES, late=None):
        self.late, self.passing = late, None
        self.prefix = f"gmc{os.getpid()}"
        self.names = [f"10.77.0.{i + 1}" for i in range(machines)]
        self.agent = folder / "agent.sh"
        self.agent.write_text(AGENT % self.prefix)
        self.agent.chmod(0o755)

    def of(self, name):
        return f"{self.prefix}-{name}"

    def __enter__(self):
        switch = self.of("switch")
        if tool("ip", "netns", "add", switch).returncode != 0:
            skip("network namespaces are not permitted here")
        for name in self.names:
            must("ip", "netns", "add", self.of(name))
        if self.late:
            self.pass_late()
        else:
            self.bridge(switch)
        for name in self.names:
            space = self.of(name)
            must("ip", "-n", space, "addr", "add", f"{name}/24", "dev", "net")
            for link in ("net", "lo"):
                must("ip", "-n", space, "link", "set", link, "up")
        return self

    def bridge(self, switch):
        must("ip", "-n", switch, "link", "add", "bridge", "type", "bridge")
        must("ip", "-n", switch, "link", "set", "bridge", "up")
        for i, name in enumerate(self.names):
            must("ip", "-n", switch, "link", "add", f"port{i}", "type", "veth", "peer", "name", "net", "netns",
                 self.of(name))
            must("ip", "-n", switch, "link", "set", f"port{i}", "master", "bridge", "up")

    def pass_late(self):
        self.passing = subprocess.Popen([*self.late, *map(self.of, self.names)], stdout=subprocess.PIPE, text=True)
        if self.passing.stdout.readline() != "ready\n":
            sys.exit(f"{self.late[0]} makes no links")

    def __exit__(self, *_):
        if self.passing:
            self.passing.kill()
            self.passing.communicate()
        for name in [*self.names, "switch"]:
            tool("ip", "netns", "del", self.of(name))

    def shape(self, name, words):
        return tool("ip", "netns", "exec", self.of(name), "tc", "qdisc", "replace", "dev", "net", "root",
                    *words.split())

    @contextlib.contextmanager
    def link(self, netem, tbf, one):
        """False where this kernel cannot make such links."""
        names = self.names[1:2] if one else self.names
        done = [self.shape(name, f"netem limit 10000 {netem}") for name in names]
        if any(each.returncode != 0 for each in done):
            done = [self.shape(name, f"tbf {tbf}") for name in names] if tbf else done
        try:
            yield all(each.returncode == 0 for each in done)
        finally:
            for name in names:
                tool("ip", "netns", "exec", self.of(name), "tc", "qdisc", "del", "dev", "net", "root")

    def cut(self, name, state):
        must("ip", "-n", self.of("switch"), "link", "set", f"port{self.names.index(name)}", state)

    def words(self, counts, folder, program):
        """The command that runs a program in a folder, in so many processes on each machine."""
        mpirun = ["mpirun.openmpi", "--allow-run-as-root", "--bind-to", "none",
                  "--mca", "plm_rsh_agent", str(self.agent), "--mca", "btl", "tcp,self",
                  "--host", ",".join(f"{name}:{count}" for name, count in zip(self.names, counts)),
                  "-n", str(sum(counts))]
        first = self.names[0]
        inside = f"hostname {first}; cd {folder}; exec {shlex.join([*mpirun, *program])}"
        return ["ip", "netns", "exec", self.of(first), "unshare", "--uts", "sh", "-c", inside]


def words_of(network, processes, name, counts, run, steps=STEPS):
    training = processes.words(None, 1, name + ".gmc", "--run", run, "--quiet", "--samples", "0", "--log-every", "1",
                               "--epochs", "1000000", "--steps", str(steps), "--no-tune", "--threads", "1")
    return network.words(counts, processes.bench.folder, training)


def one_process(processes, name, run, steps):
    processes.train(name, None, 1, run, "--steps", str(steps), "--no-tune")


def timed(network, processes, name, counts, run):
    begin = time.monotonic()
    processes.run(words_of(network, processes, name, counts, run))
    check_same(processes.bench, "one", run)
    return time.monotonic() - begin


def cut_for_a_while(network, processes, name):
    """A link that is gone for some seconds: the messages are sent again, and training goes on."""
    one_process(processes, name, "one_long", STEPS_WITH_CUT)
    words = words_of(network, processes, name, (1, 1), "cut", STEPS_WITH_CUT)
    mpi = subprocess.Popen(words, cwd=processes.bench.folder,
                           env=processes.bench.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    metrics = processes.bench.folder / "cut/metrics.jsonl"
    while mpi.poll() is None and not (metrics.exists() and metrics.read_text()):
        time.sleep(0.01)
    network.cut(network.names[1], "down")
    time.sleep(SECONDS_OF_CUT)
    if len(metrics.read_text().splitlines()) >= STEPS_WITH_CUT:
        sys.exit("training ended before the link was cut, which tests nothing")
    network.cut(network.names[1], "up")
    output, _ = mpi.communicate()
    if mpi.returncode != 0:
        sys.exit(f"a cut of {SECONDS_OF_CUT} s: exit {mpi.returncode}\n{output}")
    check_same(processes.bench, "one_long", "cut")


def cut_for_good(network, processes, name):
    """Both machines end their processes."""
    mpi = subprocess.Popen(words_of(network, processes, name, (1, 1), "gone", 1000000), cwd=processes.bench.folder,
                           env=processes.bench.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    metrics = processes.bench.folder / "gone/metrics.jsonl"
    while mpi.poll() is None and not (metrics.exists() and metrics.read_text()):
        time.sleep(0.01)
    network.cut(network.names[1], "down")
    begin = time.monotonic()
    while ranks_of("gone") and time.monotonic() - begin < MOST_SECONDS_TO_NOTICE:
        time.sleep(0.1)
    seconds = time.monotonic() - begin
    left = ranks_of("gone")
    network.cut(network.names[1], "up")
    mpi.kill()
    output, _ = mpi.communicate()
    if left or "has died, or its machine cannot be reached" not in output:
        sys.exit(f"a cut for good: {len(left)} processes still run\n{output}")
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", required=True, type=pathlib.Path)
    bin_dir = parser.parse_args().bin_dir.resolve()
    if "openmpi" not in launchers_here(bin_dir):
        skip("gmc was built without OpenMPI")
    missing = [name for name in ("ip", "tc", "unshare") if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        skip(f"there is no {', '.join(missing)}" if missing else "namespaces need root")
    with tempfile.TemporaryDirectory(prefix="gmc-networks-") as name:
        folder = pathlib.Path(name)
        processes = Processes(Bench(bin_dir, folder), {})
        model = processes.compile("vae_mlp", "f32")
        one_process(processes, model, "one", STEPS)
        with Network(folder) as network:
            left_out = []
            for number, (link, netem, tbf, one) in enumerate(LINKS):
                with network.link(netem, tbf, one) as possible:
                    for count in (2, MACHINES) if possible else ():
                        seconds = timed(network, processes, model, [1] * count, f"net_{number}_{count}")
                        print(f"{link}: {count} machines, the same bits, {seconds:.1f} s", flush=True)
                left_out += [] if possible else [link]
            for counts in UNEVEN:
                timed(network, processes, model, counts, f"uneven_{'_'.join(map(str, counts))}")
                print(f"{' and '.join(map(str, counts))} processes on a machine: the same bits", flush=True)
            cut_for_a_while(network, processes, model)
            print(f"a link that is cut for {SECONDS_OF_CUT} s: the same bits")
            print(f"a link that is cut for good: all end after {cut_for_good(network, processes, model):.0f} s")
            if left_out:
                print(f"left out, since this kernel has no netem: {'; '.join(left_out)}")


if __name__ == "__main__":
    main()
