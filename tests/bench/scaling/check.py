"""Sums and steps of real processes in network namespaces, beside what the simulator says: predict.py --check.

The network is measured first, with as many processes as are to be predicted, all at the same time: how long
neighbours take for one exchange of so many numbers. So what processes on one machine take from each other (cores for
TCP, the bandwidth of its memory) is in these times, and so is what a token bucket does to TCP. The simulator then
knows, for each size of message, which share of the link is used.
"""
import math
import pathlib

from networks import Network
from predict import build, head, row, run_all, words

GIGABITS = (1, 10)
COUNTS = (2, 4, 8)  # processes, each in a namespace
EXCHANGED = (1, 16000, 62000, 250000, 1000000)  # numbers
PAUSE = 0.02  # seconds that a step computes before it sends
STEPS, ROUNDS = 10, 5
STEP = [(0.06, 0.01, [(0.015 * i, 200000) for i in (1, 2, 3, 4)])]  # four gradients become final one by one


def phases(numbers):
    return [(PAUSE, 0, [(PAUSE, numbers)])]


CASES = {"a sum of 300,000": ("end", phases(300000), PAUSE), "a sum of 1,500,000": ("end", phases(1500000), PAUSE),
         "a step, 4 times 200,000": ("overlap", STEP, 0)}


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
        sizes = [4000 * 1.15 ** i for i in range(60)]
        return [(0, full * sizes[0] / self.seconds(sizes[0])),
                *((int(size / 1.15 ** 0.5), full * size / self.seconds(size)) for size in sizes)]


def measure(network, count, folder, program):
    """The least seconds of each exchange, and of each case, in turn."""
    jobs = [("pair", phases(numbers), PAUSE) for numbers in EXCHANGED] + list(CASES.values())
    plans = [word for mode, what, _ in jobs for word in ("/", *words(STEPS, mode, 4, what))]
    rounds = [run_all(network.words([1] * count, folder, [str(program), *plans[1:]])) for _ in range(ROUNDS)]
    least = [min(times) - pause for times, (_, _, pause) in zip(zip(*rounds), jobs)]
    return Exchanges(least[:len(EXCHANGED)]), least[len(EXCHANGED):]


def check(simulator, folder):
    program = pathlib.Path(folder, "real")
    build("mpicxx", program)
    simulator.SCALE = 1  # few nodes: nothing needs to be shorter, which counts for small messages
    large = 1000000
    head("link", "processes", "what", "measured", "predicted", "predicted / measured")
    worst = 1.0
    with Network(pathlib.Path(folder), max(COUNTS)) as network:
        for gigabits in GIGABITS:
            rate = f"rate {gigabits}gbit"
            with network.link(rate, f"{rate} burst {32 * gigabits}kb latency 20ms", False) as possible:
                if not possible:
                    raise SystemExit("this kernel makes no links of a given speed")
                for count in COUNTS:
                    exchanges, measured = measure(network, count, folder, program)
                    link = (gigabits, exchanges.latency / 2)  # a message passes two links
                    bare = [simulator.seconds(phases(numbers), count, *link, "pair", steps=STEPS, factors=((0, 1),))
                            for numbers in (1000, large)]
                    full = (bare[1] - bare[0]) / (4 * (large - 1000))
                    for (name, (mode, what, pause)), real in zip(CASES.items(), measured):
                        said = simulator.seconds(what, count, *link, mode, steps=STEPS,
                                                 factors=exchanges.factors(full)) - pause
                        worst = max(worst, said / real, real / said)
                        row(f"{gigabits} Gb/s", count, name, f"{real * 1e3:.1f} ms", f"{said * 1e3:.1f} ms",
                            f"{said / real:.2f}")
    print(f"\nthe worst prediction is {(worst - 1) * 100:.0f} % off")
