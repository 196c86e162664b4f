"""What versus_pytorch and growth share: our step and PyTorch's as programs that print one JSON object."""
import itertools
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
NAME = pathlib.Path(sys.argv[0]).name
# PyTorch keeps one batch in memory and no data set; so does the model that is measured against it.
FEW_DATA = ["--set", "data.image.count=1280"]


def fail(message):
    sys.exit(f"{NAME}: {message}")


def run(command, environment=None):
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"{' '.join(command)} failed:\n{done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


class Ours:
    """A model of models/ or tests/bench/models, or the YAML file `source`."""

    def __init__(self, model, options, folder, source=None):
        beside = HERE / f"models/{model}.yaml"
        source = source or (beside if beside.exists() else ROOT / f"models/{model}.yaml")
        sets = FEW_DATA + ["--set", f"train.batch_size={options.batch}"]
        self.file = pathlib.Path(folder, f"{model}.gmc")
        precision = [] if options.precision == "f32" else ["--precision", options.precision]
        subprocess.run([ROOT / "build/gmc", "compile", source, *sets, *precision, "-o", self.file], check=True,
                       stdout=subprocess.DEVNULL, cwd=ROOT)
        self.flags = ["--isa", options.isa, "--steps", str(options.steps), "--json"]

    def measure(self, environment):
        return run([str(ROOT / "build/gmrun"), "bench", str(self.file), *self.flags], environment)


class Theirs:
    def __init__(self, model, flags, options, shape):
        command = ["python3", "pytorch_step.py", model, "--batch", str(options.batch), "--steps", str(options.steps)]
        command += [*flags, *shape]
        if options.precision == "bf16":
            command.append("--bf16")
        if options.tree:
            for file in ("pytorch_step.py", "pytorch_networks.py"):
                shutil.copy(HERE / file, pathlib.Path(options.tree, "root"))
            inner = "cd /root && exec " + " ".join(command)
            self.command = ["chroot", options.tree, "sh", "-c", inner]
        else:
            self.command = [command[0], str(HERE / command[1]), *command[2:]]
        self.name = " ".join(flag[2:] for flag in flags) or "eager"

    def measure(self, environment):
        return run(self.command, environment)


def variants(model, options, shape=()):
    """PyTorch's ways to compute a step; `shape`: flags that choose a network."""
    flags = [[], ["--channels-last"], ["--compile"], ["--compile", "--channels-last"]]
    if model in ("vae_mlp", "gru_vae", "transformer"):
        flags = [[], ["--compile"]]
    if model == "seed_gan":
        flags = [f + g for f, g in itertools.product(flags, ([], ["--frugal"]))]
    return [Theirs(model, f, options, shape) for f in flags]


def median(runs, key):
    return statistics.median(r[key] for r in runs)


def processor():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def add_options(parser, rounds):
    parser.add_argument("--tree", help="a Debian tree with python3-torch")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--isa", choices=["best", "avx2"], default="best",
                        help="avx2: both sides compute as on a processor without AVX-512")
    parser.add_argument("--no-build", action="store_true")


def build(options):
    if options.no_build:
        return
    for command in (["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release"]):
        if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode != 0:
            fail(f"{' '.join(command)} failed")


def environment_of(options, threads):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    if options.isa == "avx2":  # of PyTorch's own kernels, and of oneDNN and MKL in it
        environment |= {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2",
                        "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
    return environment
