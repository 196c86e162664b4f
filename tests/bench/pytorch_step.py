"""Times the training step of a model in PyTorch, as models/NAME.yaml or tests/bench/models/NAME.yaml has it: prints one
JSON object.

    python3 pytorch_step.py seed_gan --batch 128 --channels-last --compile --bf16 --frugal

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

from pytorch_networks import NETWORKS

parser = argparse.ArgumentParser()
parser.add_argument("model", choices=["seed_gan", "seed_vae", "vae_mlp", *NETWORKS])
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--channels-last", action="store_true")
parser.add_argument("--compile", action="store_true", help="torch.compile")
parser.add_argument("--bf16", action="store_true", help="torch.autocast to bfloat16")
parser.add_argument("--width", type=int, default=400, help="vae_mlp: units of a hidden layer")
parser.add_argument("--depth", type=int, default=1, help="vae_mlp: hidden layers of each network")
parser.add_argument("--frugal", action="store_true",
                    help="seed_gan: no weight gradients of the discriminator in the generator's update")
a = parser.parse_args()

torch.manual_seed(0)
torch.set_flush_denormal(True)
bce = F.binary_cross_entropy_with_logits


class SeedGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(100, 7 * 7 * 256, bias=False)
        self.norm0 = nn.BatchNorm1d(7 * 7 * 256)
        self.conv1 = nn.ConvTranspose2d(256, 128, 5, 2, 2, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(128)
        self.conv2 = nn.ConvTranspose2d(128, 64, 5, 2, 2, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(64)
        self.conv3 = nn.ConvTranspose2d(64, 1, 5, 1, 2, bias=False)

    def forward(self, z):
        x = F.leaky_relu(self.norm0(self.dense(z)), 0.3).view(-1, 256, 7, 7)
        x = F.leaky_relu(self.norm1(self.conv1(x)), 0.3)
        x = F.leaky_relu(self.norm2(self.conv2(x)), 0.3)
        return torch.tanh(self.conv3(x))


class SeedDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 5, 2, 2)
        self.conv2 = nn.Conv2d(64, 128, 5, 2, 2)
        self.dense = nn.Linear(128 * 49, 1)

    def forward(self, x):
        x = F.dropout(F.leaky_relu(self.conv1(x), 0.3), 0.3)
        x = F.dropout(F.leaky_relu(self.conv2(x), 0.3), 0.3)
        return self.dense(x.flatten(1))


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


def prepared(module):
    module = module.to(memory_format=torch.channels_last) if a.channels_last else module
    return (torch.compile(module) if a.compile else module), torch.optim.Adam(module.parameters(), 1e-3, fused=True)


def precision():
    return torch.autocast("cpu", dtype=torch.bfloat16) if a.bf16 else contextlib.nullcontext()


network = NETWORKS.get(a.model)
image = torch.rand(a.batch, *(network.example if network else (1, 28, 28)))
if network:
    image = network.low + (network.high - network.low) * image
if a.channels_last:
    image = image.contiguous(memory_format=torch.channels_last)

if a.model == "seed_gan":
    generator, generator_adam = prepared(SeedGenerator())
    discriminator, discriminator_adam = prepared(SeedDiscriminator())
    ones, zeros = torch.ones(a.batch, 1), torch.zeros(a.batch, 1)

    def step():
        with precision():
            fake = generator(torch.randn(a.batch, 100))
            real_logit, fake_logit = discriminator(image), discriminator(fake.detach())
            loss = bce(real_logit.float(), ones) + bce(fake_logit.float(), zeros)
        discriminator_adam.zero_grad(set_to_none=True)
        loss.backward()
        discriminator_adam.step()
        if a.frugal:
            discriminator.requires_grad_(False)
        with precision():
            generator_loss = bce(discriminator(fake).float(), ones)
        generator_adam.zero_grad(set_to_none=True)
        generator_loss.backward()
        generator_adam.step()
        if a.frugal:
            discriminator.requires_grad_(True)
        return loss.item() + generator_loss.item()
elif network:
    net, adam = prepared(network())

    def step():
        with precision():
            loss = net(image)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        return loss.item()
else:
    vae, adam = prepared(SeedVae() if a.model == "seed_vae" else VaeMlp())

    def step():
        with precision():
            logits, mean, log_variance = vae(image)
        logits, mean, log_variance = logits.float(), mean.float(), log_variance.float()
        kl = -0.5 * torch.sum(1 + log_variance - mean * mean - log_variance.exp())
        loss = (bce(logits, image, reduction="sum") + kl) / a.batch
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        return loss.item()

step()
with open("/proc/self/stat") as stat:
    started = int(stat.read().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
first = time.clock_gettime(time.CLOCK_BOOTTIME) - started
for _ in range(3):
    step()
times = []
for _ in range(a.steps):
    begin = time.perf_counter()
    step()
    times.append((time.perf_counter() - begin) * 1e3)
print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(),
                  "step_ms_median": statistics.median(times), "step_ms_min": min(times),
                  "step_ms_mean": statistics.mean(times), "first_step_s": first,
                  "rss_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
