"""Sums and steps of real processes in network namespaces, beside what the simulator says: predict.py --check.

All processes share the cores of one machine, which nodes do not. So links are slower here than those they stand for,
messages as many times later, and computing takes as many times as long: then the cores have time left, and the network
alone counts. The same is shown with links as fast as they are called, where the cores are what counts.

The network is measured first, with as many processes as are to be predicted, all at the same time: how long
neighbours take for one exchange of so many numbers. The simulator then knows, for each size of message, which share of
the link is used.
"""
import math
import pathlib

from networks import Network, must
from predict import ROOT, build, head, row, run_all, words

# Gigabits per second, seconds to the other end beside what this machine takes, how many times slower both are here.
LINKS = [(1, 0, 20), (1, 1e-4, 20), (10, 0, 100), (10, 1e-4, 100), (1, 0, 1), (10, 0, 1)]
COUNTS = (2, 4, 8)  # processes, each in a namespace
EXCHANGED = (1, 2000, 6000, 15000, 16000, 30000, 62000, 125000, 250000)  # numbers; 15000 are sent in one piece
PAUSE = 0.005  # seconds at 1 Gb/s that a step computes before it sends
STEPS, ROUNDS = 6, 2
# At 1 Gb/s, too.
STEP = [(0.016, 0.002, [(0.004 * i, 100000) for i in (1, 2, 3, 4)])]  # four gradients become final one by one
NAP = 200  # microseconds that a process sleeps before it looks for messages, where cores are shared and links slow


def phases(numbers):
    return [(PAUSE, 0, [(PAUSE, numbers)])]


def slower(what, times):
    return [(compute * times, update * times, [(ready * times, numbers) for ready, numbers in buckets])
            for compute, update, buckets in what]


# Each: how it sends, bytes of a number, what, and what it takes besides the network.
CASES = {"a sum of 100,000": ("end", 4, phases(100000), PAUSE), "a sum of 500,000": ("end", 4, phases(500000), PAUSE),
         "a step, 4 times 100,000": ("overlap", 4, STEP, 0), "the same, bf16": ("overlap", 2, STEP, 0),
         "the same, shards": ("shard", 4, STEP, 0)}


class Exchanges:
    """How long an exchange takes, by its bytes: between measured sizes as a power of the size."""

    def __init__(self, seconds):
        self.latency = seconds[0]
        self.points = [(4 * numbers, max(time - self.latency, 1e-6))
                       for numbers, time in zip(EXCHANGED[1:], seconds[1:])]

    def seconds(self, size):
        """Beyond the latency."""
        ends = zip(self.points, self.points[1:])
        (s0, t0), (s1, t1) = next((pair for pair in ends if size <= pair[1][0]), (self.points[-2], self.points[-1]))
        return t0 * (size / s0) ** (math.log(t1 / t0) / math.log(s1 / s0))

    def factors(self, full):
        """Shares of the bandwidth; `full`: the seconds that a byte takes with all of it."""
        sizes = [4000 * 1.05 ** i for i in range(160)]
        return [(0, full * sizes[0] / self.seconds(sizes[0])),
                *((int(size / 1.05 ** 0.5), full * size / self.seconds(size)) for size in sizes)]


def processor_seconds():
    """Of all processors: busy ones, and all."""
    times = [int(word) for word in pathlib.Path("/proc/stat").read_text().split()[1:9]]
    return sum(times) - times[3] - times[4], sum(times)


class Link:
    """What is measured and predicted on links of one kind."""

    def __init__(self, gigabits, delay, times):
        self.name = f"{gigabits} Gb/s" + (f", {delay * 1e3:g} ms" if delay else "")
        self.name += f", {times} times slower" if times > 1 else ""
        self.gigabits, self.delay, self.is_slow = gigabits / times, delay * times, times > 1
        self.times = times / gigabits  # longer than at 1 Gb/s

    def network(self, folder, switch):
        late = ["chrt", "--rr", "2", str(switch), f"{self.delay * 1e6:.0f}"] if self.delay else None
        return Network(pathlib.Path(folder), max(COUNTS), late)

    def shaped(self, network):
        megabits = round(self.gigabits * 1000)
        return network.link(f"rate {megabits}mbit",
                            f"rate {megabits}mbit burst {max(megabits // 25, 4)}kb latency 200ms", False)

    def measure(self, network, count, folder, program):
        """The least seconds of each exchange, and of each case, in turn; and the share of the processors in use."""
        jobs = [CASES["a sum of 500,000"]]  # by which TCP learns what the links can do; it does not count
        jobs += [("pair", 4, phases(numbers), PAUSE) for numbers in EXCHANGED] + list(CASES.values())
        plans = [word for mode, wire, what, _ in jobs
                 for word in ("/", *words(STEPS, mode, wire, slower(what, self.times)))]
        # What else runs on this machine, should any, does not count: processes with time left go first.
        first, nap = (["chrt", "--rr", "1"], NAP) if self.is_slow else ([], 0)
        command = network.words([1] * count, folder, [*first, str(program), str(nap), *plans])
        before = processor_seconds()
        rounds = [run_all(command) for _ in range(ROUNDS)]
        busy, every = (now - then for now, then in zip(processor_seconds(), before))
        least = [min(each) - pause * self.times for each, (*_, pause) in zip(zip(*rounds), jobs)][1:]
        return Exchanges(least[:len(EXCHANGED)]), least[len(EXCHANGED):], busy / every

    def predict(self, simulator, count, exchanges):
        at = (self.gigabits, exchanges.latency / 2)  # a message passes two links
        large = EXCHANGED[-1]
        bare = [simulator.seconds(slower(phases(numbers), self.times), count, *at, "pair", steps=STEPS,
                                  factors=((0, 1),)) for numbers in (1000, large)]
        factors = exchanges.factors((bare[1] - bare[0]) / (4 * (large - 1000)))
        return [simulator.seconds(slower(what, self.times), count, *at, mode, wire, steps=STEPS, factors=factors)
                - pause * self.times for mode, wire, what, pause in CASES.values()]

    def compare(self, simulator, network, folder, program):
        """Returns by how much predictions are off."""
        worst = 1.0
        for count in COUNTS:
            exchanges, measured, busy = self.measure(network, count, folder, program)
            pairs = list(zip(measured, self.predict(simulator, count, exchanges)))
            worst = max(worst, *(max(real / said, said / real) for real, said in pairs))
            row(self.name, count, f"{busy * 100:.0f} %",
                *(f"{real * 1e3:.{digits(real)}f}, {said * 1e3:.{digits(real)}f}" for real, said in pairs))
        return worst


def digits(seconds):
    return 1 if seconds < 0.1 else 0


def check(simulator, folder, chosen):
    program, switch = pathlib.Path(folder, "real"), pathlib.Path(folder, "late_switch")
    build("mpicxx", program)
    build("g++", switch, ROOT / "tests/runs/late_switch.cpp")
    simulator.SCALE = 1  # few nodes: nothing needs to be shorter, which counts for small messages
    print("\nMilliseconds, measured and predicted.")
    head("link", "processes", "processors in use", *CASES)
    off = {}
    for link in (Link(*LINKS[i]) for i in chosen or range(len(LINKS))):
        with link.network(folder, switch) as network, link.shaped(network) as possible:
            if not possible:
                raise SystemExit("this kernel makes no links of a given speed")
            for name in network.names:  # what is measured must not depend on what was sent before
                for setting in ("tcp_congestion_control=reno", "tcp_slow_start_after_idle=0"):
                    must("ip", "netns", "exec", network.of(name), "sysctl", "-qw", f"net.ipv4.{setting}")
            off[link.name] = link.compare(simulator, network, folder, program) - 1
    print("\nThe worst prediction is off by " + "; ".join(f"{by * 100:.0f} % ({name})" for name, by in off.items()))
