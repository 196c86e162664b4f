"""What versus_pytorch and growth share: our step and its peers' as programs that print one JSON object."""
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
JAX_MODELS = ["seed_gan", "seed_vae", "vae_mlp", "seed_wgan_gp", "dcgan64"]
# PyTorch keeps one batch in memory and no data set; so does the model that is measured against it.
FEW_DATA = ["--set", "data.image.count=1280"]
# What a model has in models/ and its twins do not: the noise on what dcgan64's discriminator sees.
SETS = {"dcgan64": ["--set", "networks.discriminator.layers.0.gaussian_noise.stddev=0"]}


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
        sets = FEW_DATA + SETS.get(model, []) + ["--set", f"train.batch_size={options.batch}"]
        self.file = pathlib.Path(folder, f"{model}.gmc")
        precision = [] if options.precision == "f32" else ["--precision", options.precision]
        subprocess.run([ROOT / "build/gmc", "compile", source, *sets, *precision, "-o", self.file], check=True,
                       stdout=subprocess.DEVNULL, cwd=ROOT)
        self.flags = ["--isa", options.isa, "--json"]
        self.steps = options.steps

    def measure(self, environment, steps=None):
        command = [str(ROOT / "build/gmrun"), "bench", str(self.file), *self.flags, "--steps", str(steps or self.steps)]
        return run(command, environment)


class Theirs:
    """A peer's step: a script of this folder for an interpreter, in a Debian tree where one is given."""

    def __init__(self, interpreter, script, model, flags, no_flags, options, shape=(), tree=None):
        self.name = " ".join(flag[2:] for flag in flags) or no_flags
        self.command = [interpreter, str(HERE / script), model, *flags, *shape, "--batch", str(options.batch)]
        self.tree, self.steps = tree, options.steps
        if options.precision == "bf16":
            self.command.append("--bf16")
        if tree:
            for file in HERE.glob("pytorch_*.py"):
                shutil.copy(file, pathlib.Path(tree, "root"))
            self.command[1] = script

    def measure(self, environment, steps=None):
        command = [*self.command, "--steps", str(steps or self.steps)]
        if self.tree:
            command = ["chroot", self.tree, "sh", "-c", "cd /root && exec " + " ".join(command)]
        return run(command, environment)


def variants(model, options, shape=()):
    """PyTorch's ways to compute a step; `shape`: flags that choose a network."""
    flags = [[], ["--channels-last"], ["--compile"], ["--compile", "--channels-last"]]
    if model in ("vae_mlp", "gru_vae", "transformer"):
        flags = [[], ["--compile"]]
    return [Theirs("python3", "pytorch_step.py", model, f, "eager", options, shape, options.tree) for f in flags]


def jax_variants(model, options):
    """JAX's, none of models that jax_step.py does not have."""
    if model not in JAX_MODELS:
        return []
    flags = [[]] if model == "vae_mlp" else [["--patches"], []]
    isa = ["--isa", options.isa]
    return [Theirs(options.jax, "jax_step.py", model, f, "convolutions", options, isa) for f in flags]


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
