"""The models of tests/bench/models in PyTorch, as its users would write them for speed: a module's result is the loss.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class SelfAttention(nn.Module):
    """Of [batch, length, width], by PyTorch's fused attention."""

    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(seen.transpose(1, 2).flatten(2))


class TransformerBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm0, self.attention, self.norm1 = nn.LayerNorm(width), SelfAttention(width, 8, True), nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attention(self.norm0(x))
        return x + self.feed(self.norm1(x))


class Transformer(nn.Module):
    example, low, high = (1, 8, 8), 0, 255

    def __init__(self):
        super().__init__()
        self.embedding, self.position = nn.Embedding(256, 256), nn.Parameter(0.02 * torch.randn(64, 256))
        self.blocks = nn.Sequential(*[TransformerBlock(256) for _ in range(6)])
        self.norm, self.head = nn.LayerNorm(256), nn.Linear(256, 256)

    def forward(self, image):
        pixels = image.round().long().flatten(1)
        x = F.pad(self.embedding(pixels)[:, :-1], (0, 0, 1, 0)) + self.position
        return F.cross_entropy(self.head(self.norm(self.blocks(x))).flatten(0, 1), pixels.flatten())


class GruVae(nn.Module):
    example, low, high = (1, 64, 64), 0, 1

    def __init__(self):
        super().__init__()
        self.read, self.write = nn.GRU(64, 256, batch_first=True), nn.GRU(64, 256, batch_first=True)
        self.mean, self.log_variance = nn.Linear(256, 32), nn.Linear(256, 32)
        self.told, self.out = nn.Linear(32, 64), nn.Linear(256, 64)

    def forward(self, image):
        rows = image.flatten(1, 2)
        h = self.read(rows)[1][0]
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        before = F.pad(rows[:, :-1], (0, 0, 1, 0))
        logits = self.out(self.write(before + self.told(z)[:, None])[0])
        kl = -0.5 * torch.sum(1 + log_variance - mean * mean - log_variance.exp())
        return (F.binary_cross_entropy_with_logits(logits, rows, reduction="sum") + kl) / len(image)


class Residual(nn.Module):
    def __init__(self, inputs, filters):
        super().__init__()
        self.norm0, self.conv0 = nn.GroupNorm(8, inputs), nn.Conv2d(inputs, filters, 3, padding=1)
        self.shift, self.norm1 = nn.Linear(256, filters), nn.GroupNorm(8, filters)
        self.conv1, self.short = nn.Conv2d(filters, filters, 3, padding=1), nn.Conv2d(inputs, filters, 1)

    def forward(self, x, time):
        h = self.conv0(F.silu(self.norm0(x))) + self.shift(time)[:, :, None, None]
        return self.short(x) + self.conv1(F.silu(self.norm1(h)))


class SpatialAttention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.attention = nn.GroupNorm(8, width), SelfAttention(width, 4, False)

    def forward(self, x):
        seen = self.attention(self.norm(x).flatten(2).transpose(1, 2))
        return x + seen.transpose(1, 2).unflatten(2, x.shape[2:])


class Unet(nn.Module):
    example, low, high = (3, 32, 32), -1, 1

    def __init__(self):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(64, 256), nn.SiLU(), nn.Linear(256, 256), nn.SiLU())
        self.conv0, self.d32 = nn.Conv2d(3, 64, 3, padding=1), Residual(64, 64)
        self.down32, self.d16 = nn.Conv2d(64, 64, 3, 2, 1), Residual(64, 128)
        self.down16, self.d8, self.see_d8 = nn.Conv2d(128, 128, 3, 2, 1), Residual(128, 256), SpatialAttention(256)
        self.middle0, self.see_middle, self.middle1 = Residual(256, 256), SpatialAttention(256), Residual(256, 256)
        self.u8, self.see_u8 = Residual(512, 256), SpatialAttention(256)
        self.up16, self.u16 = nn.Conv2d(256, 256, 3, padding=1), Residual(384, 128)
        self.up32, self.u32 = nn.Conv2d(128, 128, 3, padding=1), Residual(192, 64)
        self.norm, self.out = nn.GroupNorm(8, 64), nn.Conv2d(64, 3, 3, padding=1)
        self.register_buffer("kept", torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0))
        self.register_buffer("rates", torch.exp(-math.log(10000) / 32 * torch.arange(32)))

    def noise(self, x, t):
        angle = t[:, None] * self.rates
        time = self.time(torch.cat([angle.sin(), angle.cos()], 1))
        d32 = self.d32(self.conv0(x), time)
        d16 = self.d16(self.down32(d32), time)
        d8 = self.see_d8(self.d8(self.down16(d16), time))
        x = self.middle1(self.see_middle(self.middle0(d8, time)), time)
        x = self.see_u8(self.u8(torch.cat([x, d8], 1), time))
        x = self.u16(torch.cat([self.up16(F.interpolate(x, scale_factor=2)), d16], 1), time)
        x = self.u32(torch.cat([self.up32(F.interpolate(x, scale_factor=2)), d32], 1), time)
        return self.out(F.silu(self.norm(x)))

    def forward(self, image):
        t, noise = torch.randint(1000, (len(image),)), torch.randn_like(image)
        kept = self.kept[t][:, None, None, None]
        return F.mse_loss(self.noise(kept.sqrt() * image + (1 - kept).sqrt() * noise, t), noise)


NETWORKS = {"unet": Unet, "gru_vae": GruVae, "transformer": Transformer}
