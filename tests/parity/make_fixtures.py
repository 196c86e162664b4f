"""Makes the fixtures of the parity test: the losses of the first training steps, by PyTorch.

Run by hand where PyTorch is installed, never by the tests:

    python3 make_fixtures.py seed_gan seed_gan.gmc -o seed_gan.json      # or seed_vae, vae_mlp
    python3 make_fixtures.py                                             # only this script's checks

Initial weights, data and noise are gmc's own: gmc_random.py makes them, and the compiled model
(batch 16) says which stream feeds which weight and which random operation. Everything else is
written here once more, independently of gmc: the layers, the losses, Adam. The fixture has the
losses in float32 and, beside them, in float64: the gap tells which tolerance is honest.
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

BATCH, STEPS, SEED = 16, 5, 1
# Seeds for which no activation lies within rounding of its kink: one that does flips a slope and moves later losses
# by 1e-4, in PyTorch (f32 against f64) as in gmc.
SEED_OF = {"seed_gan": 3}
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


def attributes(text):  # the integers, `fan_in=100`; gmc leaves out those that are 0
    found = re.findall(r"(\w+)\s*=\s*(\d+)\b(?!\.)", text or "")
    return {"stream": 0, **{name: int(value) for name, value in found}}


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
            elif m := RANDOM.search(line):
                op = RandomOp(attributes(m["attributes"])["stream"], "normal" in m["op"],
                              numbers(m["shape"]), m["where"] or "")
                found.setdefault(function, {}).setdefault(op.stream, op)
        names = functions or [name for name in found if name.startswith(("step", "train"))]
        assert names, f"no training function with a random operation, only {list(found)}"
        by_stream = {}
        for name in names:
            for stream, op in found.get(name, {}).items():
                assert by_stream.setdefault(stream, op).shape == op.shape, f"stream {stream} twice"
        self.random_ops = list(by_stream.values())

    def take_state(self, network, shape, kind, trained, word):
        """The first that fits. A name matters only where shapes do not tell two states apart."""
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


# --- Layers: activations [N, H, W, C], kernels [kh, kw, in, out] as in Keras ----------------------


def same_padding(size, kernel, stride):
    """TensorFlow's `same`: ceil(size / stride) outputs, the odd pixel last. -> (before, after)"""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def conv2d(x, kernel, stride):
    rows, columns = (same_padding(x.shape[i + 1], kernel.shape[i], stride) for i in (0, 1))
    x = F.pad(x.permute(0, 3, 1, 2), (*columns, *rows))
    return F.conv2d(x, kernel.permute(3, 2, 0, 1), stride=stride).permute(0, 2, 3, 1)


def conv2d_transpose(x, kernel, stride):
    """The adjoint of the conv2d from size * stride to size, kernel [kh, kw, out, in]: the whole
    result, then cut to the window that `same` leaves."""
    y = F.conv_transpose2d(x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), stride=stride)
    y = y.permute(0, 2, 3, 1)
    for axis in (1, 2):
        size = x.shape[axis] * stride
        before = same_padding(size, kernel.shape[axis - 1], stride)[0]
        y = y.narrow(axis, before, size)
    return y


def batch_norm(x, gamma, beta, mean, variance, epsilon=1e-3):
    return gamma * (x - mean) / torch.sqrt(variance + epsilon) + beta


def leaky_relu(x):
    return F.leaky_relu(x, 0.3)


def adam(p, gradient, m, v, t, rate, beta1=0.9, beta2=0.999, epsilon=1e-7):
    """As in Keras: epsilon is added to the root of the uncorrected v. t counts from 1."""
    with torch.no_grad():
        m.mul_(beta1).add_(gradient, alpha=1 - beta1)
        v.mul_(beta2).add_(gradient * gradient, alpha=1 - beta2)
        p -= rate * math.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (v.sqrt() + epsilon)


class Training:
    """One model in training in one precision. A layer is called by a name of ours, `network.number`
    or `network.head`; its states, and the stream of its noise, are found at its first call."""

    def __init__(self, compiled, dtype):
        self.compiled, self.dtype, self.step = compiled, dtype, 0
        self.value, self.names, self.moments, self.random_ops = {}, {}, {}, {}

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
            else:
                value = np.full(shape, {"zeros": 0, "ones": 1}[kind])
            self.value[key] = torch.tensor(value, dtype=self.dtype, requires_grad=trained)
            self.names[key] = s.name
        return self.value[key]

    def weight(self, layer, *shape):
        return self.state(layer, "weight", shape, "glorot_uniform")

    def bias(self, layer, y):
        return y + self.state(layer, "bias", (y.shape[-1],), "zeros")

    def dense(self, layer, x, units):
        return x @ self.weight(layer, x.shape[-1], units)

    def conv2d(self, layer, x, filters, size, stride=1):
        return conv2d(x, self.weight(layer, size, size, x.shape[-1], filters), stride)

    def conv2d_transpose(self, layer, x, filters, size, stride=1):
        return conv2d_transpose(x, self.weight(layer, size, size, filters, x.shape[-1]), stride)

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
        values = draw(shape, SEED, self.step, self.random_ops[name].stream)
        return torch.tensor(values, dtype=self.dtype)

    def dropout(self, name, x, rate=0.3):
        return torch.where(self.noise(name, x.shape, uniform) >= rate, x / (1 - rate), 0)

    def image(self):
        u = uniform((BATCH, 28, 28, 1), DATA_SEED, self.step, DATA_STREAM)
        return torch.tensor(u, dtype=self.dtype)

    def update(self, loss, networks, rate, beta1=0.9):
        keys = [k for k, v in self.value.items() if v.requires_grad and k.split(".")[0] in networks]
        gradients = torch.autograd.grad(loss, [self.value[k] for k in keys])
        for key, g in zip(keys, gradients):
            m, v = self.moments.setdefault(key, (torch.zeros_like(g), torch.zeros_like(g)))
            adam(self.value[key], g, m, v, self.step + 1, rate, beta1)


# --- The models: one training step each, as models/*.yaml mean it ---------------------------------


def seed_gan(t):
    def generator(z):
        x = leaky_relu(t.batch_norm("generator.0", t.dense("generator.0", z, 7 * 7 * 256)))
        x = t.conv2d_transpose("generator.1", x.view(-1, 7, 7, 256), 128, 5, 2)
        x = leaky_relu(t.batch_norm("generator.1", x))
        x = t.conv2d_transpose("generator.2", x, 64, 5, 2)
        x = leaky_relu(t.batch_norm("generator.2", x))
        return torch.tanh(t.conv2d_transpose("generator.3", x, 1, 5))

    def discriminator(x, use):  # every use has dropout masks of its own
        x = t.bias("discriminator.0", t.conv2d("discriminator.0", x, 64, 5, 2))
        x = t.dropout(use + ".0", leaky_relu(x))
        x = t.bias("discriminator.1", t.conv2d("discriminator.1", x, 128, 5, 2))
        x = t.dropout(use + ".1", leaky_relu(x))
        return t.bias("discriminator.2", t.dense("discriminator.2", x.flatten(1), 1))

    fake = generator(t.noise("z", (BATCH, 100), normal))
    d_loss = F.softplus(-discriminator(2 * t.image() - 1, "real")).mean()
    d_loss = d_loss + F.softplus(discriminator(fake.detach(), "fake")).mean()
    t.update(d_loss, ["discriminator"], 2e-4, beta1=0.5)
    g_loss = F.softplus(-discriminator(fake, "generator")).mean()  # by the updated discriminator
    t.update(g_loss, ["generator"], 2e-4, beta1=0.5)
    return {"discriminator": d_loss, "generator": g_loss}


def vae(t, encode, decode, latent):
    image = t.image()
    h = encode(image)
    mean, log_variance = (t.bias(layer, t.dense(layer, h, latent))
                          for layer in ("encoder.mean", "encoder.log_variance"))
    z = mean + torch.exp(log_variance / 2) * t.noise("z", (BATCH, latent), normal)
    bce = F.binary_cross_entropy_with_logits(decode(z), image, reduction="none")
    reconstruction = bce.flatten(1).sum(1).mean()
    kl = (-0.5 * (1 + log_variance - mean**2 - torch.exp(log_variance))).sum(1).mean()
    loss = reconstruction + kl
    t.update(loss, ["encoder", "decoder"], 1e-3)
    return {"loss": loss, "reconstruction": reconstruction, "kl": kl}


def seed_vae(t):
    def encode(x):
        x = torch.relu(t.bias("encoder.0", t.conv2d("encoder.0", x, 32, 3)))
        x = torch.relu(t.bias("encoder.1", t.conv2d("encoder.1", x, 64, 3)))
        return torch.relu(t.bias("encoder.2", t.dense("encoder.2", x.flatten(1), 128)))

    def decode(z):
        x = torch.relu(t.bias("decoder.0", t.dense("decoder.0", z, 7 * 7 * 64))).view(-1, 7, 7, 64)
        x = torch.relu(t.bias("decoder.1", t.conv2d_transpose("decoder.1", x, 64, 3, 2)))
        x = torch.relu(t.bias("decoder.2", t.conv2d_transpose("decoder.2", x, 32, 3, 2)))
        return t.bias("decoder.3", t.conv2d_transpose("decoder.3", x, 1, 3))

    return vae(t, encode, decode, 128)


def vae_mlp(t):
    def encode(x):
        return torch.relu(t.bias("encoder.0", t.dense("encoder.0", x.flatten(1), 400)))

    def decode(z):
        x = torch.relu(t.bias("decoder.0", t.dense("decoder.0", z, 400)))
        return t.bias("decoder.1", t.dense("decoder.1", x, 784)).view(-1, 28, 28, 1)

    return vae(t, encode, decode, 20)


# --- Checks of this script, and running it --------------------------------------------------------


def check_this_script():
    """Each part against something that shares no line with it."""
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


MODELS = {"seed_gan": seed_gan, "seed_vae": seed_vae, "vae_mlp": vae_mlp}


def train(name, text, functions, dtype):
    """-> losses by step, the l2 norm of each state after the last, what each random op was for"""
    t, losses = Training(CompiledModel(text, functions), dtype), []
    for t.step in range(STEPS):
        losses.append({key: loss.item() for key, loss in MODELS[name](t).items()})
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
    exact, exact_norms, _ = train(arguments.model, text, arguments.functions, torch.float64)
    losses, norms, ops = train(arguments.model, text, arguments.functions, torch.float32)
    for use, op in ops.items():
        print(f"stream {op.stream}: {use}, {list(op.shape)} {op.where}")
    gap = 0
    for step in range(STEPS):
        for key, e in exact[step].items():
            gap = max(gap, abs(losses[step][key] / e - 1))
            print(f"step {step} {key:15} {losses[step][key]:.9g} {e:.17g}")
    norm_gap = max(abs(norms[key] - e) / max(e, 1e-3) for key, e in exact_norms.items())
    print(f"largest relative gap of float32 to float64: losses {gap:.2g}, norms {norm_gap:.2g}")
    assert gap < 1e-3 and norm_gap < 1e-3, "float32 is off"
    if arguments.output:
        fixture = {"batch": BATCH, "seed": SEED, "data_seed": DATA_SEED, "data_stream": DATA_STREAM,
                   "losses": losses, "losses_float64": exact, "norms_after": norms}
        pathlib.Path(arguments.output).write_text(json.dumps(fixture, indent=1) + "\n")


if __name__ == "__main__":
    main()
