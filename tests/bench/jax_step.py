"""Times the training step of a model in JAX, as models/ or tests/bench/models has it: prints one JSON object.

    OMP_NUM_THREADS=2 python3 jax_step.py seed_gan --batch 128 --patches --bf16

`first_step_s` counts from the start of the process, imports and compiling included. Called by versus_pytorch.

A step is one compiled function whose results take the memory of its inputs. Examples are [height, width, channels].
A transposed convolution of stride 2 is written as four convolutions, one for each phase of its results, because XLA
would multiply the zeros between its inputs. Its weights are stored turned by half a turn.
"""
import argparse
import ctypes
import json
import math
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time
import typing

THREADS = os.environ.get("OMP_NUM_THREADS")
if THREADS:  # XLA has a thread for each processor that it may use
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(THREADS)])
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import jaxlib
import numpy

parser = argparse.ArgumentParser()
parser.add_argument("model", choices=["seed_gan", "seed_wgan_gp", "dcgan64", "seed_vae", "vae_mlp"])
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--bf16", action="store_true", help="products and activations in bfloat16")
parser.add_argument("--patches", action="store_true", help="convolutions as products of copied patches")
parser.add_argument("--isa", choices=["best", "avx2"], default="best", help="avx2: as on a processor without AVX-512")
a = parser.parse_args()

jax.config.update("jax_default_prng_impl", "rbg")  # the fastest
KIND = jnp.bfloat16 if a.bf16 else jnp.float32
RANDOM = numpy.random.default_rng(0)


def without_avx512():
    """Restricts XLA and the libraries that multiply its matrices: oneDNN, and YNNPACK, which asks the processor once
    and keeps the answer. That is written here before it asks; bits 0 to 6 are SSE2 to AVX2 and FMA."""
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_max_isa=AVX2"
    os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
    library = pathlib.Path(jaxlib.__file__).with_name("libjax_common.so")
    names = {"_ZZN3ynn24get_supported_arch_flagsEvE5flags": (ctypes.c_uint64, 0x7f),
             "_ZGVZN3ynn24get_supported_arch_flagsEvE5flags": (ctypes.c_uint8, 1)}
    with open("/proc/self/maps", encoding="utf-8") as maps:
        start = next(int(line.split("-")[0], 16) for line in maps if str(library) in line)
    symbols = subprocess.run(["nm", library], capture_output=True, text=True, check=True).stdout
    found = [line.split() for line in symbols.splitlines() if line.endswith("get_supported_arch_flagsEvE5flags")]
    if sorted(symbol for _, _, symbol in found) != sorted(names):
        sys.exit(f"jax_step.py: {library} does not say where YNNPACK keeps what the processor has; JAX 0.10.2 does")
    for place, _, symbol in found:
        kind, value = names[symbol]
        kind.from_address(start + int(place, 16)).value = value


class Layer(typing.NamedTuple):
    """What is trained, running statistics, and apply(trained, running, x, key) -> y, running."""
    trained: typing.Any
    running: typing.Any
    apply: typing.Callable


def function(f):
    return Layer({}, {}, lambda trained, running, x, key: (f(x), running))


def sequential(*layers):
    def apply(trained, running, x, key):
        after = []
        for layer, p, r, k in zip(layers, trained, running, jax.random.split(key, len(layers))):
            x, r = layer.apply(p, r, x, k)
            after.append(r)
        return x, after
    return Layer([layer.trained for layer in layers], [layer.running for layer in layers], apply)


def weighted(shape, fan_in, f, bias=None, normal=None):
    """f(x, weight) + bias, with PyTorch's first weights, or those of N(0, normal)."""
    bound = 1 / math.sqrt(fan_in)
    drawn = RANDOM.normal(0, normal, shape) if normal else RANDOM.uniform(-bound, bound, shape)
    trained = {"weight": drawn.astype(numpy.float32)}
    if bias:
        trained["bias"] = RANDOM.uniform(-bound, bound, bias).astype(numpy.float32)

    def apply(trained, running, x, key):
        y = f(x.astype(KIND), trained["weight"].astype(KIND))
        return (y + trained["bias"].astype(KIND) if bias else y), running
    return Layer(trained, {}, apply)


def dense(inputs, units, bias=True):
    return weighted((inputs, units), inputs, jnp.matmul, bias and units)


def correlate(x, weight, stride=1, pads=((0, 0), (0, 0))):
    return jax.lax.conv_general_dilated(x, weight, (stride, stride), pads, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def conv(inputs, filters, kernel, stride, pad, bias=True, normal=None):
    def f(x, weight):
        size = x.shape[1]
        if size == kernel and pad == 0:
            return (x.reshape(len(x), -1) @ weight.reshape(-1, filters))[:, None, None]
        if not a.patches:
            return correlate(x, weight, stride, ((pad, pad), (pad, pad)))
        x = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        last = size + 2 * pad - kernel + 1
        patches = [x[:, i:i + last:stride, j:j + last:stride] for i in range(kernel) for j in range(kernel)]
        return jnp.concatenate(patches, -1) @ weight.reshape(-1, filters)
    return weighted((kernel, kernel, inputs, filters), inputs * kernel**2, f, bias and filters, normal)


def phases(size, kernel, stride, low, out):
    """For the results stride * i + phase: the first tap that meets an input, and the pads before and behind these."""
    for phase in range(stride):
        first = (low - phase) % stride
        taps = len(range(first, kernel, stride))
        before = (low - phase - first) // stride
        yield first, before, out // stride - size + taps - 1 - before


def conv_transposed(inputs, filters, kernel, stride, pad, extra=0, bias=False, normal=None):
    """PyTorch's ConvTranspose2d(inputs, filters, kernel, stride, pad, extra)."""
    low = kernel - 1 - pad

    def f(x, weight):
        size = x.shape[1]
        if size == 1 and pad == 0:
            spread = weight[::-1, ::-1].transpose(2, 0, 1, 3).reshape(inputs, -1)
            return (x.reshape(-1, inputs) @ spread).reshape(-1, kernel, kernel, filters)
        if stride == 1:
            return correlate(x, weight, 1, ((low, low), (low, low)))
        out = (size - 1) * stride - 2 * pad + kernel + extra
        each = list(phases(size, kernel, stride, low, out))
        parts = [correlate(x, weight[rows[0]::stride, columns[0]::stride], 1, (rows[1:], columns[1:]))
                 for rows in each for columns in each]
        y = jnp.stack(parts, 3).reshape(-1, out // stride, out // stride, stride, stride, filters)
        return y.transpose(0, 1, 3, 2, 4, 5).reshape(-1, out, out, filters)
    return weighted((kernel, kernel, inputs, filters), filters * kernel**2, f, bias and filters, normal)


def batch_norm(channels):
    def apply(trained, running, x, key):
        axes, count = tuple(range(x.ndim - 1)), x.size // channels
        x = x.astype(jnp.float32)
        mean = x.mean(axes)
        variance = jnp.maximum((x * x).mean(axes) - mean * mean, 0)
        scale = trained["gamma"] * jax.lax.rsqrt(variance + 1e-5)
        after = {"mean": 0.9 * running["mean"] + 0.1 * mean,
                 "variance": 0.9 * running["variance"] + 0.1 * variance * (count / (count - 1))}
        return (x * scale + (trained["beta"] - mean * scale)).astype(KIND), after
    zeros, ones = numpy.zeros(channels, numpy.float32), numpy.ones(channels, numpy.float32)
    return Layer({"gamma": ones, "beta": zeros}, {"mean": zeros, "variance": ones}, apply)


def dropout(rate):
    def apply(trained, running, x, key):
        return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0).astype(x.dtype), running
    return Layer({}, {}, apply)


def leaky_relu(slope):
    return function(lambda x: jnp.where(x > 0, x, x * slope))


def reshape(*shape):
    return function(lambda x: x.reshape(len(x), *shape))


RELU, TANH, FLATTEN = function(jax.nn.relu), function(jnp.tanh), reshape(-1)


def seed_generator():
    return sequential(
        dense(100, 12544, bias=False), batch_norm(12544), leaky_relu(0.3), reshape(7, 7, 256),
        conv_transposed(256, 128, 5, 2, 2, 1), batch_norm(128), leaky_relu(0.3),
        conv_transposed(128, 64, 5, 2, 2, 1), batch_norm(64), leaky_relu(0.3), conv_transposed(64, 1, 5, 1, 2), TANH)


def seed_discriminator():
    return sequential(conv(1, 64, 5, 2, 2), leaky_relu(0.3), dropout(0.3),
                      conv(64, 128, 5, 2, 2), leaky_relu(0.3), dropout(0.3), FLATTEN, dense(6272, 1))


def seed_critic():
    return sequential(conv(1, 64, 5, 2, 2), leaky_relu(0.2), conv(64, 128, 5, 2, 2), leaky_relu(0.2),
                      FLATTEN, dense(6272, 1))


def dcgan_generator():
    layers = [reshape(1, 1, 100)]
    for inputs, filters, stride, pad in ((100, 512, 1, 0), (512, 256, 2, 1), (256, 128, 2, 1), (128, 64, 2, 1)):
        layers += [conv_transposed(inputs, filters, 4, stride, pad, normal=0.02), batch_norm(filters), RELU]
    return sequential(*layers, conv_transposed(64, 3, 4, 2, 1, normal=0.02), TANH)


def dcgan_discriminator():
    layers = [conv(3, 64, 4, 2, 1, bias=False, normal=0.02), leaky_relu(0.2)]
    for inputs in (64, 128, 256):
        layers += [conv(inputs, 2 * inputs, 4, 2, 1, bias=False, normal=0.02), batch_norm(2 * inputs), leaky_relu(0.2)]
    return sequential(*layers, conv(512, 1, 4, 1, 0, bias=False, normal=0.02), FLATTEN)


def seed_vae():
    encoder = sequential(conv(1, 32, 3, 1, 1), RELU, conv(32, 64, 3, 1, 1), RELU, FLATTEN, dense(64 * 784, 128), RELU)
    decoder = sequential(dense(128, 3136), RELU, reshape(7, 7, 64),
                         conv_transposed(64, 64, 3, 2, 1, 1, bias=True), RELU,
                         conv_transposed(64, 32, 3, 2, 1, 1, bias=True), RELU,
                         conv_transposed(32, 1, 3, 1, 1, bias=True))
    return encoder, dense(128, 128), dense(128, 128), decoder


def vae_mlp():
    decoder = sequential(dense(20, 400), RELU, dense(400, 784), reshape(28, 28, 1))
    return sequential(FLATTEN, dense(784, 400), RELU), dense(400, 20), dense(400, 20), decoder


def adam_of(network):
    zeros = jax.tree.map(numpy.zeros_like, network.trained)
    return {"trained": network.trained, "running": network.running, "mean": zeros, "square": zeros}


def adam(state, gradient, count, rate, beta_1=0.9, beta_2=0.999):
    mean = jax.tree.map(lambda m, g: beta_1 * m + (1 - beta_1) * g, state["mean"], gradient)
    square = jax.tree.map(lambda s, g: beta_2 * s + (1 - beta_2) * g * g, state["square"], gradient)
    step, root = rate / (1 - beta_1**count), jax.lax.rsqrt(1 - beta_2**count)
    trained = jax.tree.map(lambda p, m, s: p - step * m / (jnp.sqrt(s) * root + 1e-8), state["trained"], mean, square)
    return state | {"trained": trained, "mean": mean, "square": square}


def softplus(x):
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


def tells_apart(network, trained, running, real, fake, key):
    first, second = jax.random.split(key)
    real_logit, running = network.apply(trained, running, real, first)
    fake_logit, running = network.apply(trained, running, fake, second)
    return (softplus(-real_logit.astype(jnp.float32)) + softplus(fake_logit.astype(jnp.float32))).mean(), running


def deceives(fake_logit):
    return softplus(-fake_logit).mean()


def critic_loss(network, trained, running, real, fake, key):
    def score(x):
        return network.apply(trained, running, x, key)[0].astype(jnp.float32)
    mixed = real + jax.random.uniform(key, (len(real), 1, 1, 1)) * (fake.astype(jnp.float32) - real)
    gradient = jax.grad(lambda x: score(x).sum())(mixed).reshape(len(real), -1)
    slope = jnp.sqrt((gradient * gradient).sum(1))
    return score(fake).mean() - score(real).mean() + 10 * ((slope - 1)**2).mean(), running


def critic_rises(fake_score):
    return -fake_score.mean()


def gan(generator, discriminator, discriminator_loss=tells_apart, generator_loss=deceives):
    def step(state, image):
        g, d, count = state["generator"], state["discriminator"], state["count"] + 1
        key, noise, *keys = jax.random.split(state["key"], 5)

        def generate(trained):
            return generator.apply(trained, g["running"], jax.random.normal(noise, (len(image), 100)), keys[0])

        def told(trained):
            return discriminator_loss(discriminator, trained, d["running"], image, fake, keys[1])

        def deceived(fake):
            logit, running = discriminator.apply(d["trained"], d["running"], fake, keys[2])
            return generator_loss(logit.astype(jnp.float32)), running

        fake, to_generator, generator_running = jax.vjp(generate, g["trained"], has_aux=True)
        (loss, running), gradient = jax.value_and_grad(told, has_aux=True)(d["trained"])
        d = adam(d | {"running": running}, gradient, count, 2e-4, 0.5)
        (other_loss, running), gradient = jax.value_and_grad(deceived, has_aux=True)(fake)
        g = adam(g | {"running": generator_running}, to_generator(gradient)[0], count, 2e-4, 0.5)
        after = {"generator": g, "discriminator": d | {"running": running}, "count": count, "key": key}
        return after, loss + other_loss
    return step, {"generator": adam_of(generator), "discriminator": adam_of(discriminator)}


def vae(networks):
    encoder, mean, log_variance, decoder = networks

    def step(state, image):
        count = state["count"] + 1
        key, noise = jax.random.split(state["key"])

        def loss(trained):
            def call(network, place, x):
                return network.apply(trained[place], network.running, x, noise)[0]
            h = call(encoder, 0, image)
            m, v = call(mean, 1, h).astype(jnp.float32), call(log_variance, 2, h).astype(jnp.float32)
            logits = call(decoder, 3, m + jnp.exp(v / 2) * jax.random.normal(noise, m.shape)).astype(jnp.float32)
            return ((softplus(logits) - image * logits).sum() - 0.5 * (1 + v - m * m - jnp.exp(v)).sum()) / len(image)
        value, gradient = jax.value_and_grad(loss)(state["vae"]["trained"])
        return {"vae": adam(state["vae"], gradient, count, 1e-3), "count": count, "key": key}, value
    return step, {"vae": adam_of(Layer([n.trained for n in networks], {}, None))}


MODELS = {"seed_gan": lambda: gan(seed_generator(), seed_discriminator()),
          "seed_wgan_gp": lambda: gan(seed_generator(), seed_critic(), critic_loss, critic_rises),
          "dcgan64": lambda: gan(dcgan_generator(), dcgan_discriminator()),
          "seed_vae": lambda: vae(seed_vae()),
          "vae_mlp": lambda: vae(vae_mlp())}


def main():
    restricting = time.time()
    if a.isa == "avx2":
        without_avx512()
    restricting = time.time() - restricting
    step, state = MODELS[a.model]()
    image = RANDOM.random((a.batch, 64, 64, 3) if a.model == "dcgan64" else (a.batch, 28, 28, 1), dtype=numpy.float32)
    image = jax.device_put(image if "vae" in a.model else 2 * image - 1)
    state = jax.device_put(state | {"count": numpy.float32(0), "key": jax.random.PRNGKey(0)})
    compiled = jax.jit(step, donate_argnums=0)
    state, loss = jax.block_until_ready(compiled(state, image))
    first_loss = float(loss)
    with open("/proc/self/stat") as stat:
        started = int(stat.read().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
    first = time.clock_gettime(time.CLOCK_BOOTTIME) - started - restricting
    for _ in range(min(3, a.steps)):
        state, _ = jax.block_until_ready(compiled(state, image))
    times = []
    for _ in range(a.steps):
        begin = time.perf_counter()
        state, _ = jax.block_until_ready(compiled(state, image))
        times.append((time.perf_counter() - begin) * 1e3)
    threads = len(os.sched_getaffinity(0))
    print(json.dumps({"peer": f"JAX {jax.__version__}", "threads": threads, "first_loss": first_loss,
                      "step_ms_median": statistics.median(times), "step_ms_min": min(times),
                      "step_ms_mean": statistics.mean(times), "first_step_s": first,
                      "rss_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
