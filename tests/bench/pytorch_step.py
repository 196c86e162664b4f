"""Times the training step of a model in PyTorch, as models/NAME.yaml or tests/bench/models/NAME.yaml has it: prints one
JSON object.

    python3 pytorch_step.py seed_gan --batch 128 --channels-last --compile --bf16

`first_step_s` counts from the start of the process, imports and compiling included. Called by versus_pytorch.
"""
import argparse
import contextlib
import json
import os
import resource
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from pytorch_gans import GANS
from pytorch_networks import NETWORKS

parser = argparse.ArgumentParser()
parser.add_argument("model", choices=["seed_vae", "vae_mlp", *GANS, *NETWORKS])
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--channels-last", action="store_true")
parser.add_argument("--compile", action="store_true", help="torch.compile")
parser.add_argument("--bf16", action="store_true", help="torch.autocast to bfloat16")
parser.add_argument("--width", type=int, default=400, help="vae_mlp: units of a hidden layer")
parser.add_argument("--depth", type=int, default=1, help="vae_mlp: hidden layers of each network")
a = parser.parse_args()

torch.manual_seed(0)
torch.set_flush_denormal(True)


class SeedVae(nn.Module):
    def __init__(self, latent=128):
        super().__init__()
        self.encode = nn.Sequential(
            nn.Conv2d(1, 32, 3, 1, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 1, 1), nn.ReLU(), nn.Flatten(),
            nn.Linear(64 * 28 * 28, 128), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(128, latent), nn.Linear(128, latent)
        self.dense = nn.Linear(latent, 64 * 7 * 7)
        self.decode = nn.Sequential(
            nn.ConvTranspose2d(64, 64, 3, 2, 1, 1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 3, 2, 1, 1), nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 3, 1, 1))

    def forward(self, x):
        h = self.encode(x)
        m, v = self.mean(h), self.log_variance(h)
        z = m + torch.exp(0.5 * v) * torch.randn_like(m)
        return self.decode(F.relu(self.dense(z)).view(-1, 64, 7, 7)), m, v


def hidden(inputs):
    layers = []
    for _ in range(a.depth):
        layers += [nn.Linear(inputs, a.width), nn.ReLU()]
        inputs = a.width
    return nn.Sequential(*layers)


class VaeMlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.mean, self.log_variance = hidden(784), nn.Linear(a.width, 20), nn.Linear(a.width, 20)
        self.decode = nn.Sequential(hidden(20), nn.Linear(a.width, 784))

    def forward(self, x):
        h = self.encode(x.flatten(1))
        m, v = self.mean(h), self.log_variance(h)
        return self.decode(m + torch.exp(0.5 * v) * torch.randn_like(m)).view_as(x), m, v


def prepared(module, rate=1e-3, betas=(0.9, 0.999)):
    module = module.to(memory_format=torch.channels_last) if a.channels_last else module
    adam = torch.optim.Adam(module.parameters(), rate, betas, fused=True)
    return (torch.compile(module) if a.compile else module), adam


def precision():
    return torch.autocast("cpu", dtype=torch.bfloat16) if a.bf16 else contextlib.nullcontext()


def update(adam, loss):
    adam.zero_grad(set_to_none=True)
    loss.backward()
    adam.step()
    return loss.item()


network, gan = NETWORKS.get(a.model), GANS.get(a.model)
known = network or gan
image = torch.rand(a.batch, *(known.example if known else (1, 28, 28)))
if known:
    image = known.low + (known.high - known.low) * image
if a.channels_last:
    image = image.contiguous(memory_format=torch.channels_last)

if gan:
    generator, generator_adam = prepared(gan.generator(), gan.rate, gan.betas)
    plain = gan.discriminator()
    discriminator, discriminator_adam = prepared(plain, gan.rate, gan.betas)

    def step():
        with precision():
            fake = generator(torch.randn(a.batch, 100))
            loss = gan.discriminator_loss(discriminator, plain, image, fake.detach())
        discriminator_loss = update(discriminator_adam, loss)
        discriminator.requires_grad_(False)  # spares its weights' gradients
        with precision():
            loss = gan.generator_loss(discriminator(fake).float())
        generator_loss = update(generator_adam, loss)
        discriminator.requires_grad_(True)
        return discriminator_loss + generator_loss
elif network:
    net, adam = prepared(network())

    def step():
        with precision():
            loss = net(image)
        return update(adam, loss)
else:
    vae, adam = prepared(SeedVae() if a.model == "seed_vae" else VaeMlp())

    def step():
        with precision():
            logits, mean, log_variance = vae(image)
        logits, mean, log_variance = logits.float(), mean.float(), log_variance.float()
        kl = -0.5 * torch.sum(1 + log_variance - mean * mean - log_variance.exp())
        loss = (F.binary_cross_entropy_with_logits(logits, image, reduction="sum") + kl) / a.batch
        return update(adam, loss)

first_loss = step()
with open("/proc/self/stat") as stat:
    started = int(stat.read().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
first = time.clock_gettime(time.CLOCK_BOOTTIME) - started
for _ in range(min(3, a.steps)):
    step()
times = []
for _ in range(a.steps):
    begin = time.perf_counter()
    step()
    times.append((time.perf_counter() - begin) * 1e3)
print(json.dumps({"peer": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads(), "first_loss": first_loss,
                  "step_ms_median": statistics.median(times), "step_ms_min": min(times),
                  "step_ms_mean": statistics.mean(times), "first_step_s": first,
                  "rss_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
