"""Makes the fixtures of the parity test: the losses of the first training steps, by PyTorch.

Run by hand where PyTorch is installed, never by the tests:

    python3 make_fixtures.py seed_gan seed_gan.gmc -o seed_gan.json   # or another of torch_models
    python3 make_fixtures.py seed_gan seed_gan.gmc --bf16 -o seed_gan_bf16.json
    python3 make_fixtures.py                                             # only this script's checks

Initial weights, data and noise are gmc's own: gmc_random.py makes them, and the compiled model
(batch 16) says which stream feeds which weight and which random operation. Everything else is
written once more, independently of gmc: the layers and Adam (torch_layers), the losses
(torch_models). The fixture has the losses in float32 and, beside them, in float64: the gap tells
which tolerance is honest.

With --bf16 the losses in float32 have matrix products and convolutions under PyTorch's autocast to
bfloat16. Beside them, in float64, operands and results of these, and the gradients of both but for
weights, are rounded to bfloat16 one by one.
"""
import argparse
import functools
import json
import math
import pathlib
import re
from collections import namedtuple

import numpy as np
import torch
import torch.nn.functional as F

import gmc_random
from gmc_random import normal, uniform
from torch_layers import adam, batch_norm, conv2d, conv2d_transpose, same_padding
from torch_models import BATCH, MODELS

STEPS, SEED = 5, 1
# Seeds for which no activation lies within rounding of its kink: one that does flips a slope and moves later losses
# by 1e-4, in PyTorch (f32 against f64) as in gmc.
SEED_OF = {"hinge_sn": 9, "seed_gan": 3, "wgan_gp": 5}
DATA_SEED, DATA_STREAM = 7, 0x5151
INITIAL = 0x80000000  # set in the stream of an initial weight: no training step draws the same

# --- What the compiled model says: adapt here when its text changes -------------------------------

STATE = re.compile(r"^\s*state\s+@(?P<name>[\w.]+)\s*:\s*f32\[(?P<shape>[\d, ]*)\]"
                   r"(?P<flags>[^=/{]*)=\s*(?P<kind>\w+)\s*(?:\{(?P<attributes>[^}]*)\})?")
FUNCTION = re.compile(r"^\s*func\s+@(?P<name>[\w.]+)")
RANDOM = re.compile(r"=\s*(?P<op>random_\w+)\s*(?:\{(?P<attributes>[^}]*)\})?\s*:\s*"
                    r"f32\[(?P<shape>[\d, ]*)\](?:.*//\s*(?P<where>\S+))?")
State = namedtuple("State", "name shape trained kind attributes")
RandomOp = namedtuple("RandomOp", "stream is_normal shape where")


def numbers(text):
    return tuple(int(word) for word in re.findall(r"\d+", text))


def attributes(text):  # the numbers, `fan_in=100`; gmc leaves out those that are 0
    found = re.findall(r"(\w+)\s*=\s*([\d.e+-]+)", text or "")
    return {"stream": 0, **{k: float(v) if "." in v or "e" in v else int(v) for k, v in found}}


class CompiledModel:
    """The states of a .gmc, and the random operations of its training functions, each stream once,
    in the order of the text. What is taken is removed: nothing must be left at the end."""

    def __init__(self, text, functions):
        self.states, found, function = [], {}, ""
        for line in text.splitlines():
            if m := STATE.match(line):
                self.states.append(State(m["name"], numbers(m["shape"]), "parameter" in m["flags"],
                                         m["kind"], attributes(m["attributes"])))
            elif m := FUNCTION.match(line):
                function = m["name"]
                found[function] = {}
            elif m := RANDOM.search(line):
                op = RandomOp(attributes(m["attributes"])["stream"], "normal" in m["op"],
                              numbers(m["shape"]), m["where"] or "")
                found[function].setdefault(op.stream, op)
        names = functions or [name for name in found if name.startswith(("step", "train"))]
        assert names, f"no training function, only {list(found)}"
        by_stream = {}
        for name in names:
            for stream, op in found.get(name, {}).items():
                assert by_stream.setdefault(stream, op).shape == op.shape, f"stream {stream} twice"
        self.random_ops = list(by_stream.values())

    def take_state(self, network, shape, kind, trained, word):
        """Returns the first state that fits. Names matter only when shapes do not tell two states apart."""
        for s in self.states:
            if (s.name.startswith(network + ".") and word in s.name and
                    (s.shape, s.kind, s.trained) == (shape, kind, trained)):
                self.states.remove(s)
                return s
        raise AssertionError(f"no {kind} state {network}.*{word}*, {shape}, trained: {trained}")

    def take_random_op(self, is_normal, shape):
        for op in self.random_ops:
            if (op.is_normal, op.shape) == (is_normal, shape):
                self.random_ops.remove(op)
                return op
        raise AssertionError(f"no random op of {shape}, normal {is_normal}: {self.random_ops}")


def rounded(x):
    return x.bfloat16().to(x.dtype)


class Rounded(torch.autograd.Function):
    """Rounds to bfloat16; the gradient is rounded as well."""

    @staticmethod
    def forward(context, x):
        return rounded(x)

    @staticmethod
    def backward(context, gradient):
        return rounded(gradient)


class RoundedWeight(Rounded):
    """Rounds to bfloat16; the gradient is a sum in full precision and is not rounded."""

    @staticmethod
    def backward(context, gradient):
        return gradient


class RoundedGradient(Rounded):
    """Rounds the gradient only: between a contraction and its bias, whose gradient sums the rounded gradient."""

    @staticmethod
    def forward(context, x):
        return x.clone()


class Training:
    """One model in training in one precision. A layer is called by a name of ours, `network.number`
    or `network.head`; its states, and the stream of its noise, are found at its first call."""

    def __init__(self, compiled, dtype, bf16=False):
        self.compiled, self.dtype, self.bf16, self.call = compiled, dtype, bf16, 0
        self.value, self.names, self.moments, self.random_ops, self.updates = {}, {}, {}, {}, {}

    def next_call(self):
        """Ends a function of the schedule: the next one gets fresh noise and data."""
        self.call += 1

    def state(self, layer, what, shape, kind, trained=True):
        key = f"{layer}.{what}"
        if key not in self.value:
            network, head = layer.split(".")
            word = what if what not in ("weight", "bias") else "" if head.isdigit() else head
            s = self.compiled.take_state(network, shape, kind, trained, word)
            if kind == "glorot_uniform":  # float32 in both precisions
                u = uniform(shape, SEED, 0, s.attributes["stream"] | INITIAL)
                limit = math.sqrt(6 / (s.attributes["fan_in"] + s.attributes["fan_out"]))
                value = np.float32(2 * u - 1) * np.float32(limit)
            elif kind == "uniform":
                u = uniform(shape, SEED, 0, s.attributes["stream"] | INITIAL)
                value = np.float32(2 * u - 1) * np.float32(s.attributes["value"])
            elif kind == "normal":
                value = s.attributes["value"] * normal(shape, SEED, 0, s.attributes["stream"] | INITIAL)
            elif kind == "constant":
                value = np.full(shape, s.attributes["value"])
            elif kind == "orthogonal":  # of a vector: its direction
                n = normal(shape, SEED, 0, s.attributes["stream"] | INITIAL)
                value = n / np.linalg.norm(n)
            else:
                value = np.full(shape, {"zeros": 0, "ones": 1}[kind])
            self.value[key] = torch.tensor(value, dtype=self.dtype, requires_grad=trained)
            self.names[key] = s.name
        return self.value[key]

    def weight(self, layer, *shape):
        return self.state(layer, "weight", shape, "glorot_uniform")

    def bias(self, layer, y):
        y = y + self.state(layer, "bias", (y.shape[-1],), "zeros")
        return RoundedGradient.apply(y) if self.bf16 else y

    def contraction(self, op, x, weight):
        if not self.bf16:
            return op(x, weight)
        if self.dtype == torch.float32:
            with torch.autocast("cpu", torch.bfloat16):
                return op(x, weight).float()
        return Rounded.apply(op(Rounded.apply(x), RoundedWeight.apply(weight)))

    def dense(self, layer, x, units, spectral=False):
        weight = self.normed(layer, self.weight(layer, x.shape[-1], units), spectral)
        return self.contraction(torch.matmul, x, weight)

    def conv2d(self, layer, x, filters, size, stride=1, spectral=False):
        weight = self.weight(layer, size, size, x.shape[-1], filters)
        weight = self.normed(layer, weight, spectral)
        return self.contraction(lambda a, b: conv2d(a, b, stride), x, weight)

    def conv2d_transpose(self, layer, x, filters, size, stride=1):
        weight = self.weight(layer, size, size, filters, x.shape[-1])
        return self.contraction(lambda a, b: conv2d_transpose(a, b, stride), x, weight)

    def normed(self, layer, weight, spectral):
        """As torch.nn.utils.parametrizations.spectral_norm in training: one power iteration."""
        if not spectral:
            return weight
        matrix = weight.reshape(-1, weight.shape[-1]).T  # [outputs, the rest]
        u = self.state(layer, "u", (matrix.shape[0],), "orthogonal", trained=False)
        v = self.state(layer, "v", (matrix.shape[1],), "orthogonal", trained=False)
        with torch.no_grad():
            u.copy_(F.normalize(matrix @ v, dim=0, eps=1e-12))
            v.copy_(F.normalize(matrix.T @ u, dim=0, eps=1e-12))
        return weight / (u.clone() @ (matrix @ v.clone()))

    def group_norm(self, layer, x, groups, epsilon=1e-3):
        n = (x.shape[-1],)
        gamma, beta = self.state(layer, "gamma", n, "ones"), self.state(layer, "beta", n, "zeros")
        return F.group_norm(x.permute(0, 3, 1, 2), groups, gamma, beta, epsilon).permute(0, 2, 3, 1)

    def batch_norm(self, layer, x, momentum=0.9):
        axes, n = tuple(range(x.dim() - 1)), (x.shape[-1],)
        gamma, beta = self.state(layer, "gamma", n, "ones"), self.state(layer, "beta", n, "zeros")
        mean, var = x.mean(axes), x.var(axes, unbiased=False)
        for what, init, now in ("moving_mean", "zeros", mean), ("moving_variance", "ones", var):
            moving = self.state(layer, what, n, init, trained=False)
            moving.mul_(momentum).add_(now.detach(), alpha=1 - momentum)
        return batch_norm(x, gamma, beta, mean, var)

    def noise(self, name, shape, draw):
        if name not in self.random_ops:
            self.random_ops[name] = self.compiled.take_random_op(draw is normal, tuple(shape))
        values = draw(shape, SEED, self.call, self.random_ops[name].stream)
        return torch.tensor(values, dtype=self.dtype)

    def dropout(self, name, x, rate=0.3):
        return torch.where(self.noise(name, x.shape, uniform) >= rate, x / (1 - rate), 0)

    def image(self, shape=(28, 28, 1)):
        u = uniform((BATCH, *shape), DATA_SEED, self.call, DATA_STREAM)
        return torch.tensor(u, dtype=self.dtype)

    def update(self, loss, networks, rate, beta1=0.9, beta2=0.999):
        keys = [k for k, v in self.value.items() if v.requires_grad and k.split(".")[0] in networks]
        values = [self.value[k] for k in keys]
        gradients = torch.autograd.grad(loss, values, materialize_grads=True)  # 0 of what the loss does not use
        for key, g in zip(keys, gradients):
            m, v = self.moments.setdefault(key, (torch.zeros_like(g), torch.zeros_like(g)))
            self.updates[key] = self.updates.get(key, 0) + 1
            adam(self.value[key], g, m, v, self.updates[key], rate, beta1, beta2)


# --- Checks of this script, and running it --------------------------------------------------------


def check_this_script():
    """Checks each part against code that shares no line with it."""
    gmc_random.check()
    torch.manual_seed(0)
    rand = functools.partial(torch.randn, dtype=torch.float64)
    assert same_padding(28, 5, 2) == (1, 2) and same_padding(14, 3, 2) == (0, 1)
    for size, kernel, stride in ((28, 5, 2), (14, 5, 2), (28, 5, 1), (14, 3, 2), (28, 3, 1)):
        x, w = rand(2, size, size, 3), rand(kernel, kernel, 3, 4)
        y = rand(2, size // stride, size // stride, 4)
        left, right = (conv2d(x, w, stride) * y).sum(), (x * conv2d_transpose(y, w, stride)).sum()
        assert torch.isclose(left, right, rtol=1e-12)  # the adjoint
    x, g, b = rand(8, 5, 5, 3), rand(3), 1 + rand(3)
    ours = batch_norm(x, g, b, x.mean((0, 1, 2)), x.var((0, 1, 2), unbiased=False))
    theirs = F.batch_norm(x.permute(0, 3, 1, 2), None, None, g, b, True, 0, 1e-3)
    assert torch.allclose(ours, theirs.permute(0, 2, 3, 1), rtol=1e-12)
    p, m, v = rand(9), torch.zeros(9).double(), torch.zeros(9).double()
    q = p.clone().requires_grad_()
    optimizer = torch.optim.Adam([q], 1e-3, eps=0)  # with an epsilon the two mean different things
    for step in (1, 2, 3):
        q.grad = rand(9)
        optimizer.step()
        adam(p, q.grad, m, v, step, 1e-3, epsilon=0)
    assert torch.allclose(p, q.detach(), rtol=1e-12)


def train(name, text, functions, dtype, bf16):
    """Returns the losses of each step, the l2 norm of each state after the last step, and the use of each random op."""
    t, losses = Training(CompiledModel(text, functions), dtype, bf16), []
    for _ in range(STEPS):
        losses.append({key: loss.item() for key, loss in MODELS[name](t).items()})
        t.next_call()
    left = [s.name for s in t.compiled.states if s.trained] + t.compiled.random_ops
    assert not left, f"the compiled model has more than this script uses: {left}"
    count = sum(v.numel() for v in t.value.values() if v.requires_grad)
    assert name != "seed_gan" or count == 2_305_472 + 212_865, count  # as its source counts them
    norms = {t.names[key]: v.detach().double().norm().item() for key, v in t.value.items()}
    return losses, norms, t.random_ops


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", choices=MODELS)
    parser.add_argument("gmc", nargs="?", help=f"the model compiled for batch {BATCH}")
    parser.add_argument("-o", "--output", help="the fixture to write")
    parser.add_argument("--bf16", action="store_true", help="contractions in bfloat16")
    parser.add_argument("--functions", nargs="+", metavar="NAME", help="the training functions in "
                        "the order they run, if these are not all that are named step* or train*")
    arguments = parser.parse_args()
    global SEED
    SEED = SEED_OF.get(arguments.model, SEED)
    check_this_script()
    if not arguments.gmc:
        parser.exit(0, "checks passed; no .gmc given, no fixture made\n")
    text = pathlib.Path(arguments.gmc).read_text(encoding="utf-8")
    torch.set_num_threads(1)  # sums in one order: the same fixture each time
    what = arguments.model, text, arguments.functions
    exact, exact_norms, _ = train(*what, torch.float64, arguments.bf16)
    losses, norms, ops = train(*what, torch.float32, arguments.bf16)
    for use, op in ops.items():
        print(f"stream {op.stream}: {use}, {list(op.shape)} {op.where}")
    gap = 0
    for step in range(STEPS):
        for key, e in exact[step].items():
            gap = max(gap, abs(losses[step][key] / e - 1))
            print(f"step {step} {key:15} {losses[step][key]:.9g} {e:.17g}")
    norm_gap = max(abs(norms[key] - e) / max(e, 1e-3) for key, e in exact_norms.items())
    print(f"largest relative gap of float32 to float64: losses {gap:.2g}, norms {norm_gap:.2g}")
    # A number halfway between two bfloat16 is rounded up or down, depending on the order of the sum that made it.
    limit = 2**-5 if arguments.bf16 else 1e-3
    assert gap < limit and norm_gap < limit, "float32 is off"
    if arguments.output:
        fixture = {"batch": BATCH, "seed": SEED, "data_seed": DATA_SEED, "data_stream": DATA_STREAM,
                   "losses": losses, "losses_float64": exact, "norms_after": norms}
        pathlib.Path(arguments.output).write_text(json.dumps(fixture, indent=1) + "\n")


if __name__ == "__main__":
    main()
