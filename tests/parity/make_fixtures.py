"""Makes the fixtures of the parity test: the losses of the first training steps, by PyTorch.

Run by hand where PyTorch is installed, never by the tests:

    python3 make_fixtures.py seed_gan seed_gan.gmc -o seed_gan.json      # or seed_vae, vae_mlp
    python3 make_fixtures.py                                             # only this script's checks

Initial weights, data and noise are gmc's own: a numpy copy of its counter-based generator
(Philox4x32-10) makes them, and the compiled model (batch 16) says which stream feeds which weight
and which random operation. Everything else is written here once more, independently of gmc: the
layers, the losses, Adam. The float32 losses are the fixture; the same steps in float64 stand beside
them, so that the gap between the two tells which tolerance is honest.
"""
import argparse
import json
import math
import re
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

BATCH, STEPS, SEED = 16, 5, 1
DATA_SEED, DATA_STREAM = 7, 0x5151
INITIAL = 0x80000000  # set in the stream of an initial weight: no training step draws the same

# --- Random numbers -------------------------------------------------------------------------------


def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011): counters [n, 4] and a key of two words -> words [n, 4]."""
    low, high = np.uint64(0xFFFFFFFF), np.uint64(32)
    c0, c1, c2, c3 = np.asarray(counter, np.uint64).T
    k0, k1 = key
    for _ in range(10):
        a, b = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1 = (b >> high) ^ c1 ^ np.uint64(k0), b & low
        c2, c3 = (a >> high) ^ c3 ^ np.uint64(k1), a & low
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=1)


def top_bits(shape, seed, step, stream):
    """The upper 24 bits of the words, [group, word, lane]: element i is group i/64, word i%64/16,
    lane i%16; a group is 16 blocks of four words."""
    groups = -(-math.prod(shape) // 64)
    counter = np.empty((groups * 16, 4), np.uint64)
    block = np.arange(groups * 16, dtype=np.uint64)
    counter[:, 0], counter[:, 1] = block & np.uint64(0xFFFFFFFF), block >> np.uint64(32)
    counter[:, 2], counter[:, 3] = step, stream
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    return (words.reshape(groups, 16, 4).transpose(0, 2, 1) >> np.uint64(8)).astype(np.float64)


def uniform(shape, seed, step, stream):
    """In [0, 1), multiples of 2^-24: float64 here, but every value is a float32 too."""
    values = top_bits(shape, seed, step, stream) * 2.0**-24
    return values.reshape(-1)[:math.prod(shape)].reshape(shape)


def normal(shape, seed, step, stream):
    """Box-Muller: words 0 and 1 of a block make a cosine and a sine, words 2 and 3 the next two."""
    bits = top_bits(shape, seed, step, stream)
    radius = np.sqrt(-2 * np.log((bits[:, 0::2] + 1) * 2.0**-24))
    angle = 2 * np.pi * (bits[:, 1::2] * 2.0**-24)
    values = np.empty(bits.shape)
    values[:, 0::2], values[:, 1::2] = radius * np.cos(angle), radius * np.sin(angle)
    return values.reshape(-1)[:math.prod(shape)].reshape(shape)


# --- What the compiled model says: adapt here when its text changes --------------------------------

STATE = re.compile(r"^\s*state\s+@(?P<name>[\w.]+)\s*:\s*f32\[(?P<shape>[\d, ]*)\](?P<flags>[^=/{]*)"
                   r"=\s*(?P<kind>\w+)\s*(?:\{(?P<attributes>[^}]*)\})?")
FUNCTION = re.compile(r"^\s*func\s+@(?P<name>[\w.]+)")
RANDOM = re.compile(r"=\s*(?P<op>random_\w+|dropout\w*)\b[^{]*\{(?P<attributes>[^}]*)\}"
                    r"[^:]*:\s*f32\[(?P<shape>[\d, ]*)\](?:.*//\s*(?P<where>\S+))?")
ATTRIBUTE = re.compile(r"(\w+)\s*[=:]?\s*(\d+)\b")


class State(NamedTuple):
    name: str
    shape: tuple
    trained: bool
    kind: str
    attributes: dict


class RandomOp(NamedTuple):
    stream: int
    is_normal: bool
    shape: tuple
    where: str


def numbers(text):
    return tuple(int(word) for word in re.findall(r"\d+", text))


def attributes(text):
    return {name: int(value) for name, value in ATTRIBUTE.findall(text or "")}


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


# --- Layers: activations [N, H, W, C], kernels [kh, kw, in, out] as in Keras ------------------------


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


def batch_norm(x, gamma, beta, epsilon=1e-3):
    """With the statistics of the batch, the variance biased. -> output, mean, variance"""
    axes = tuple(range(x.dim() - 1))
    mean, variance = x.mean(axes), x.var(axes, unbiased=False)
    return gamma * (x - mean) / torch.sqrt(variance + epsilon) + beta, mean, variance


def leaky_relu(x):
    return F.leaky_relu(x, 0.3)


def adam(p, gradient, m, v, t, rate, beta1=0.9, beta2=0.999, epsilon=1e-7):
    """As in Keras: epsilon is added to the root of the uncorrected second moment. t counts from 1."""
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

    def batch_norm(self, layer, x, momentum=0.99):
        n = (x.shape[-1],)
        y, *batch = batch_norm(x, self.state(layer, "gamma", n, "ones"),
                               self.state(layer, "beta", n, "zeros"))
        for what, kind, value in zip(("moving_mean", "moving_variance"), ("zeros", "ones"), batch):
            moving = self.state(layer, what, n, kind, trained=False)
            moving.mul_(momentum).add_(value.detach(), alpha=1 - momentum)
        return y

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

    def update(self, loss, networks, rate):
        keys = [k for k, v in self.value.items() if v.requires_grad and k.split(".")[0] in networks]
        gradients = torch.autograd.grad(loss, [self.value[k] for k in keys])
        for key, g in zip(keys, gradients):
            m, v = self.moments.setdefault(key, (torch.zeros_like(g), torch.zeros_like(g)))
            adam(self.value[key], g, m, v, self.step + 1, rate)


# --- The models: one training step each, as models/*.yaml mean it -----------------------------------


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
    t.update(d_loss, ["discriminator"], 1e-4)
    g_loss = F.softplus(-discriminator(fake, "generator")).mean()  # by the updated discriminator
    t.update(g_loss, ["generator"], 1e-4)
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


# --- Checks of this script ------------------------------------------------------------------------
