#!/usr/bin/env python3
"""Predicts how fast many machines train, with the simulator SimGrid (apt: libsimgrid-dev).

    tests/bench/scaling/predict.py                       tables, and the picture scaling.svg
    tests/bench/scaling/predict.py --models dcgan64 --nodes 2 8 64
    tests/bench/scaling/predict.py --check [0 1]         beside processes in network namespaces (root; OpenMPI)

A step of each model is measured here by `gmrun plan`: how long it computes, and when the gradients of which parameters
are final. skeleton.cpp sends what such a step sends; the simulator knows how long that takes. Nodes are as fast as this
machine, with one process each. Nothing else should run on the machine while steps are measured.
"""
import argparse
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "runs")]
from programs import ROOT, fail, processor  # noqa: E402

MODELS = {"seed_gan": ("seed_gan", 1), "dcgan64": ("dcgan64", 1), "dcgan64, 10 times wider": ("dcgan64", 10)}
# Gigabits per second, and seconds from a node to the switch.
NETWORKS = {"10 Gb/s": (10, 10e-6), "100 Gb/s": (100, 1e-6)}
FIRST = "10 Gb/s"
EXAMPLES = {"seed_gan": 60000, "dcgan64": 12800}
GOODPUT = 0.94  # of Ethernet's bandwidth, what TCP leaves for data
ADDITIONS = 2e9  # numbers per second that a process adds up from memory
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"]  # Okabe and Ito 2008


class Step:
    """What a step computes and when its gradients are final."""

    def __init__(self, model, times, folder, examples):
        module = pathlib.Path(folder, f"{model}.gmc")
        if not module.exists():
            subprocess.run([ROOT / "build/gmc", "compile", ROOT / f"models/{model}.yaml", "-o", module], check=True,
                           stdout=subprocess.DEVNULL, cwd=ROOT)
            plan = subprocess.run([ROOT / "build/gmrun", "plan", module, "--steps", "5", "--json"], check=True,
                                  capture_output=True, text=True, cwd=folder).stdout
            module.with_suffix(".json").write_text(plan.splitlines()[-1], encoding="utf-8")
        text = module.read_text(encoding="utf-8")
        shapes = dict(re.findall(r"(%[\w.]+) = \w[^\n]*? : f32\[([\d,]*)\]", text))
        wanted = re.findall(r"^state @[\w.]+ : f32\[([\d,]*)\] parameter", text, re.M)
        self.examples, self.batch = examples, int(re.search(r"batch_size=(\d+)", text)[1])
        self.parameters = sum(map(elements, wanted)) * times
        plan = json.loads(module.with_suffix(".json").read_text(encoding="utf-8"))
        operations = [each for each in plan["operations"] if each["function"] == "step"]
        final = {}  # the last operation that makes a gradient of a shape: real and generated examples give one each
        for index in range(len(operations) - 1, -1, -1):
            shape = shapes.get(operations[index]["name"].split(" ")[0])
            if shape in wanted and operations[index]["flops"] > 0:
                wanted.remove(shape)
                final[index] = elements(shape)
        # [seconds before the update, seconds of the update, [(ready after, numbers), ...]] of each phase
        self.phases = [[0, 0, []]]
        for index, operation in enumerate(operations):
            seconds = operation["us"] * operation["runs_per_step"] * 1e-6 * times
            if operation["name"].startswith("@"):
                self.phases[-1][1] += seconds
                continue
            if self.phases[-1][1] > 0:
                self.phases.append([0, 0, []])
            self.phases[-1][0] += seconds
            if index in final:
                self.phases[-1][2].append((self.phases[-1][0], final[index] * times))
        last = [phase for phase in self.phases if phase[2]][-1]
        last[2].append((last[0], sum(map(elements, wanted)) * times))  # biases and the like

    def alone(self, share=1.0):
        """Seconds of a step of one node."""
        return sum(compute * share + update for compute, update, _ in self.phases)


def elements(shape):
    return math.prod(int(size) for size in shape.split(",") if size)


def words(steps, mode, wire, phases, share=1.0, scale=1):
    """The arguments of skeleton.cpp for a process that computes this share of the batch.

    It sends and adds a `scale`th of the numbers, for a simulated network that is as much slower.
    """
    def text(phase):
        compute, update, buckets = phase
        final = [f"{ready * share:.7f}:{max(numbers // scale, 1)}" for ready, numbers in buckets]
        return ",".join([f"{compute * share:.7f}", f"{update:.7f}", *final])

    return [str(steps), mode, str(ADDITIONS / scale), str(wire), *map(text, phases)]


class Simulator:
    SCALE = 1000  # messages are that much shorter, since the simulator copies them, and links that much slower

    def __init__(self, folder):
        self.folder, self.program = pathlib.Path(folder), pathlib.Path(folder, "skeleton")
        build("smpicxx", self.program)

    def platform(self, nodes, gigabits, latency, tree):
        form = ""
        if tree:  # switches of 16 nodes, with half as much bandwidth between switches
            leaves = max(nodes // 16, 1)
            form = f' topology="FAT_TREE" topo_parameters="2;16,{leaves};1,8;1,1"'
            nodes = leaves * 16
        path = self.folder / "platform.xml"
        path.write_text("<?xml version='1.0'?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
                        '<platform version="4.1"><cluster id="c" prefix="n" suffix="" speed="1Gf" '
                        f'radical="0-{nodes - 1}" bw="{gigabits / 8 / self.SCALE}GBps" lat="{latency}s"{form}/>'
                        "</platform>\n", encoding="utf-8")
        return path

    def seconds(self, phases, nodes, gigabits, latency, mode, wire=4, share=1.0, tree=False, steps=1,
                factors=((0, GOODPUT),)):
        """Of a step. `factors`: from how many bytes of a message on which share of the bandwidth is used."""
        command = ["smpirun", "-no-privatize", "-np", str(nodes),
                   "-platform", str(self.platform(nodes, gigabits, latency, tree)), "--log=root.thresh:error"]
        shares = ";".join(f"{size // self.SCALE}:{share:.5f}" for size, share in factors)
        for setting in ("smpi/simulate-computation:no", "contexts/stack-size:256", "smpi/lat-factor:0:1",
                        f"smpi/bw-factor:{shares}"):
            command.append(f"--cfg={setting}")
        return run([*command, str(self.program), "0", "/",
                    *words(steps, mode, wire, phases, share, self.SCALE)])


def build(compiler, program, source=HERE / "skeleton.cpp"):
    try:
        subprocess.run([compiler, "-O2", "-std=c++20", f"-I{ROOT}", str(source), "-o", str(program)], check=True)
    except FileNotFoundError:
        package = {"smpicxx": "libsimgrid-dev", "mpicxx": "libopenmpi-dev"}.get(compiler, compiler)
        fail(f"there is no {compiler}: apt install {package}")


def run(command):
    """What a program of one step says: seconds."""
    return run_all(command)[-1]


def run_all(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"{' '.join(command)} failed:\n{done.stderr.strip()[-2000:]}")
    return [float(word) for word in done.stdout.split()]


def row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def head(*cells):
    print()
    row(*cells)
    print("|---" * len(cells) + "|")


def table_of_growth(steps, simulator, nodes):
    """Weak scaling: each node computes a whole batch. Returns the shares by model and way."""
    print("\nEach node a batch: examples per second and node, as a share of one node's.")
    head("model", "network", "sums", *nodes, "epoch")
    found = {}
    for name, step in steps.items():
        for network, link in NETWORKS.items():
            for tree in (False, True):
                for mode, way in (("end", "one sum at the end"), ("overlap", "overlap")):
                    times = [step.alone() if n == 1 else simulator.seconds(step.phases, n, *link, mode, tree=tree)
                             for n in nodes]
                    shares = [step.alone() / time for time in times]
                    epoch = step.examples / (nodes[-1] * step.batch) * times[-1]
                    row(name, f"{network}, {'fat tree' if tree else 'flat'}", way, *(f"{s:.2f}" for s in shares),
                        f"{epoch:.2g} s")
                    if network == FIRST and not tree:
                        found[name, way] = shares
    return found


def table_of_strength(steps, simulator, nodes):
    """Strong scaling: the nodes share one batch."""
    print("\nOne batch for all nodes, overlap: times as fast as one node.")
    nodes = [n for n in nodes if n <= 128]
    head("model", "network", *nodes)
    for name, step in steps.items():
        for network, link in NETWORKS.items():
            times = [step.alone() if n == 1 else simulator.seconds(step.phases, n, *link, "overlap", share=1 / n)
                     for n in nodes]
            row(name, network, *(f"{step.alone() / time:.1f}" for time in times))


def table_of_changes(steps, simulator, nodes):
    print(f"\nWhat changes at {nodes} nodes, each a batch, flat network.")
    ways = {"one sum at the end": ("end", 4), "overlap": ("overlap", 4), "overlap, bf16 messages": ("overlap", 2),
            "optimizer in shards": ("shard", 4), "sums every 16 steps": ("local=16", 4)}
    head("model", "network", *ways)
    for name, step in steps.items():
        for network, link in NETWORKS.items():
            row(name, network, *(f"{step.alone() / simulator.seconds(step.phases, nodes, *link, mode, wire):.3f}"
                                 for mode, wire in ways.values()))


def draw(curves, nodes, path):
    """Efficiency over the number of nodes."""
    left, top, width, height = 48, 24, 560, 300
    size = f"{left + width + 16} {top + height + 40 + 16 * len(curves)}"
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" '
             'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#ffffff"/>',
             f'<text x="{left}" y="14">examples per second and node, as a share of one node\'s</text>']
    xs = [left + 20 + (width - 40) * i / max(len(nodes) - 1, 1) for i in range(len(nodes))]
    place = lambda share: top + height * (1 - share)
    for tenth in range(0, 11, 2):
        y = place(tenth / 10)
        lines.append(f'<path d="M{left} {y:.1f}H{left + width}" stroke="#dddddd"/>'
                     f'<text x="8" y="{y + 4:.1f}">{tenth / 10}</text>')
    for x, n in zip(xs, nodes):
        lines.append(f'<text x="{x:.1f}" y="{top + height + 16}" text-anchor="middle">{n}</text>')
    for row, (label, shares) in enumerate(curves.items()):
        colour, dash = COLOURS[row // 2 % len(COLOURS)], ' stroke-dasharray="5 4"' if row % 2 else ""
        points = " ".join(f"{x:.1f},{place(min(s, 1)):.1f}" for x, s in zip(xs, shares))
        y = top + height + 36 + 16 * row
        stroke = f'fill="none" stroke="{colour}" stroke-width="2"{dash}'
        lines.append(f'<polyline points="{points}" {stroke}/><path d="M{left} {y - 4}h24" {stroke}/>'
                     f'<text x="{left + 32}" y="{y}">{label}</text>')
    pathlib.Path(path).write_text("\n".join([*lines, "</svg>"]) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--nodes", nargs="+", type=int, default=[1, 2, 8, 64, 512],
                        help="powers of two; 4096 take minutes")
    parser.add_argument("--changed", type=int, default=64, help="the number of nodes for which changes are compared")
    parser.add_argument("-o", "--output", default="scaling.svg")
    parser.add_argument("--keep", metavar="DIR", help="keeps measured steps in this folder, or takes them from it")
    parser.add_argument("--check", nargs="*", type=int, metavar="LINK",
                        help="compare with real processes in network namespaces, over all links of check.py or these")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scaling-") as temporary:
        folder = options.keep or temporary
        simulator = Simulator(folder)
        if options.check is not None:
            from check import check  # which needs this file
            return check(simulator, folder, options.check)
        steps = {name: Step(*MODELS[name], folder, EXAMPLES[MODELS[name][0]]) for name in options.models}
        print(f"{processor()}, one process of two threads for each node")
        head("model", "parameters", "batch", "step of one node")
        for name, step in steps.items():
            row(name, f"{step.parameters / 1e6:.1f} million", step.batch, f"{step.alone() * 1e3:.0f} ms")
        grown = table_of_growth(steps, simulator, options.nodes)
        table_of_strength(steps, simulator, options.nodes)
        table_of_changes(steps, simulator, options.changed)
        curves = {f"{name}, {way}, flat, {FIRST}": shares for (name, way), shares in grown.items()}
        draw(curves, options.nodes, options.output)


if __name__ == "__main__":
    main()
