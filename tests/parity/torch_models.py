"""The models in PyTorch: one function each, which makes one training step as models/*.yaml mean it and
returns the losses. `t` is a make_fixtures.Training."""
import torch
import torch.nn.functional as F

from gmc_random import normal, uniform
from torch_layers import leaky_relu

BATCH = 16

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


def small_generator(t, z):  # models/parts/small_gan.yaml
    x = torch.relu(t.batch_norm("generator.0", t.dense("generator.0", z, 3136)))
    x = t.conv2d_transpose("generator.1", x.view(-1, 7, 7, 64), 32, 4, 2)
    x = torch.relu(t.batch_norm("generator.1", x))
    return torch.tanh(t.bias("generator.2", t.conv2d_transpose("generator.2", x, 1, 4, 2)))


def small_discriminator(t, x):
    x = leaky_relu(t.bias("discriminator.0", t.conv2d("discriminator.0", x, 32, 4, 2)), 0.2)
    x = leaky_relu(t.bias("discriminator.1", t.conv2d("discriminator.1", x, 64, 4, 2)), 0.2)
    return t.bias("discriminator.2", t.dense("discriminator.2", x.flatten(1), 1))


def wgan_gp(t):
    for repeat in range(5):
        real = 2 * t.image() - 1
        fake = small_generator(t, t.noise("z", (BATCH, 64), normal)).detach()
        mix = t.noise("mix", (BATCH, 1), uniform).view(-1, 1, 1, 1)
        mixed = (real + (fake - real) * mix).requires_grad_()
        score = small_discriminator(t, mixed)
        gradient, = torch.autograd.grad(score.sum(), mixed, create_graph=True)
        slope = torch.sqrt(gradient.flatten(1).square().sum(1) + 1e-12)
        distance = small_discriminator(t, real).mean() - small_discriminator(t, fake).mean()
        loss = 10 * (slope - 1).square().mean() - distance
        t.update(loss, ["discriminator"], 2e-4, beta1=0.0, beta2=0.9)
        t.next_call()
    fake = small_generator(t, t.noise("generator z", (BATCH, 64), normal))
    generator_loss = -small_discriminator(t, fake).mean()
    t.update(generator_loss, ["generator"], 2e-4, beta1=0.0, beta2=0.9)
    return {"discriminator": loss, "distance": distance, "slope": slope.mean(),
            "generator": generator_loss}


def mlp(t, network, x, units):
    for i, n in enumerate(units):
        layer = f"{network}.{i}"
        x = t.bias(layer, t.dense(layer, x, n))
        if i + 1 < len(units):
            x = torch.relu(x)
    return x


def r1_grid(t):
    units = [256, 256, 256]
    fake = mlp(t, "generator", t.noise("z", (BATCH, 4), normal), [*units, 2])
    real = (8 * t.image((2,)) - 4).requires_grad_()
    real_logit = mlp(t, "discriminator", real, [*units, 1])
    gradient, = torch.autograd.grad(real_logit.sum(), real, create_graph=True)
    r1 = gradient.square().sum(1).mean()
    fake_logit = mlp(t, "discriminator", fake.detach(), [*units, 1])
    loss = F.softplus(-real_logit).mean() + F.softplus(fake_logit).mean() + 0.1 / 2 * r1
    t.update(loss, ["discriminator"], 1e-3, beta1=0.0, beta2=0.99)
    generator_loss = F.softplus(-mlp(t, "discriminator", fake, [*units, 1])).mean()
    t.update(generator_loss, ["generator"], 1e-3, beta1=0.0, beta2=0.99)
    return {"discriminator": loss, "r1": r1, "generator": generator_loss}


def hinge_sn(t):
    def discriminator(x):
        for i, (filters, size, stride) in enumerate(((32, 4, 2), (64, 4, 2), (128, 3, 1))):
            layer = f"discriminator.{i}"
            x = t.bias(layer, t.conv2d(layer, x, filters, size, stride, spectral=True))
            x = leaky_relu(x, 0.1)
        return t.bias("discriminator.3", t.dense("discriminator.3", x.flatten(1), 1, spectral=True))

    fake = small_generator(t, t.noise("z", (BATCH, 64), normal))
    loss = torch.relu(1 - discriminator(2 * t.image() - 1)).mean()
    loss = loss + torch.relu(1 + discriminator(fake.detach())).mean()
    t.update(loss, ["discriminator"], 2e-4, beta1=0.5)
    generator_loss = -discriminator(fake).mean()
    t.update(generator_loss, ["generator"], 2e-4, beta1=0.5)
    return {"discriminator": loss, "generator": generator_loss}


def vq_vae(t):
    image, codes, width = t.image(), 128, 32
    x = torch.relu(t.bias("encoder.0", t.conv2d("encoder.0", image, width, 4, 2)))
    x = torch.relu(t.bias("encoder.1", t.conv2d("encoder.1", x, width, 4, 2)))
    latent = t.bias("encoder.2", t.conv2d("encoder.2", x, 16, 1))
    book = t.state("encoder.book", "codebook", (codes, 16), "uniform")
    index = torch.cdist(latent.reshape(-1, 16), book).argmin(1)
    nearest = book[index].view_as(latent)
    x = latent + (nearest - latent).detach()
    x = torch.relu(t.bias("decoder.0", t.conv2d("decoder.0", x, width, 3)))
    x = torch.relu(t.bias("decoder.1", t.conv2d_transpose("decoder.1", x, width, 4, 2)))
    x = torch.sigmoid(t.bias("decoder.2", t.conv2d_transpose("decoder.2", x, 1, 4, 2)))
    reconstruction, codebook, distance = (
        difference.square().flatten(1).sum(1).mean()
        for difference in (image - x, latent.detach() - nearest, latent - nearest.detach()))
    loss = reconstruction + codebook + 0.25 * distance
    t.update(loss, ["encoder", "decoder"], 1e-3)
    use = torch.bincount(index, minlength=codes) / index.numel()
    return {"loss": loss, "reconstruction": reconstruction, "distance": distance,
            "perplexity": torch.exp(-(use * torch.log(use + 1e-10)).sum())}


def norms(t):
    image = t.image()
    x = t.conv2d("encoder.0", image, 8, 4, 2)
    x = torch.tanh(t.group_norm("encoder.0", x, 4))
    x = t.conv2d("encoder.1", x, 12, 4, 2)
    x = torch.tanh(t.group_norm("encoder.1", x, 12))  # as many groups as channels: instance norm
    x = t.bias("encoder.2", t.dense("encoder.2", x.flatten(1), 16))
    gamma, beta = t.state("encoder.2", "gamma", (16,), "ones"), t.state("encoder.2", "beta", (16,), "zeros")
    x = F.layer_norm(x, (16,), gamma, beta, 1e-3)
    x = torch.tanh(t.bias("decoder.0", t.dense("decoder.0", x, 64)))
    x = t.bias("decoder.1", t.dense("decoder.1", x, 784)).view(-1, 28, 28, 1)
    bce = F.binary_cross_entropy_with_logits(x, image, reduction="none")
    loss = bce.flatten(1).sum(1).mean()
    t.update(loss, ["encoder", "decoder"], 1e-3)
    return {"loss": loss, "squared_error": (image - torch.sigmoid(x)).square().flatten(1).sum(1).mean()}


def gru(t):
    image = t.image()
    steps = image.flatten(1).view(-1, 112, 7)
    h = torch.zeros(BATCH, 16, dtype=image.dtype)
    for i in range(112):
        a, b = ([t.bias(f"{network}.{gate}", t.dense(f"{network}.{gate}", x, 16))
                 for gate in ("reset", "update", "new")]
                for network, x in (("of_input", steps[:, i]), ("of_state", h)))
        r, u = torch.sigmoid(a[0] + b[0]), torch.sigmoid(a[1] + b[1])
        n = torch.tanh(a[2] + r * b[2])
        h = (1 - u) * n + u * h
    guess = t.bias("head.0", t.dense("head.0", h, 1))
    loss = (guess.flatten() - image.flatten(1).mean(1)).square().mean()
    t.update(loss, ["of_input", "of_state", "head"], 1e-3)
    return {"loss": loss}


MODELS = {f.__name__: f for f in (gru, hinge_sn, norms, r1_grid, seed_gan, seed_vae, vae_mlp, vq_vae,
                                  wgan_gp)}
