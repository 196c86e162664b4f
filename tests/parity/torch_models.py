"""The models in PyTorch: one function each, which makes one training step as models/*.yaml mean it and
returns the losses. `t` is a make_fixtures.Training."""
import math

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


def recurrent(t):
    def layer(number, kind, x, units, gates):
        weights = {"weight_ih_l0": t.weight(f"net.{number}", x.shape[-1], gates * units).T,
                   "weight_hh_l0": t.weight(f"net.{number + 1}", units, gates * units).T}
        given, own = torch.zeros(2, gates * units, dtype=x.dtype)
        if kind != torch.nn.LSTM:
            given = t.state(f"net.{number}", "bias", given.shape, "zeros")
        else:  # its forget gate begins with 1
            given[units:2 * units] = 1
        if kind != torch.nn.RNN:
            own = t.state(f"net.{number + 1}", "bias", own.shape, "zeros")
        module = kind(x.shape[-1], units, batch_first=True, dtype=x.dtype)
        return torch.func.functional_call(module, {**weights, "bias_ih_l0": given, "bias_hh_l0": own}, (x,))[0]

    image = t.image()
    h = layer(0, torch.nn.RNN, image.flatten(2), 20, 1)
    h = layer(4, torch.nn.LSTM, layer(2, torch.nn.GRU, h, 16, 3), 10, 4)[:, -1]
    guess = t.bias("net.6", t.dense("net.6", h, 1))
    loss = (guess.flatten() - image.flatten(1).mean(1)).square().mean()
    t.update(loss, ["net"], 1e-3)
    return {"loss": loss}


def heads(t):
    def attention(number, query, context, units, heads, mask=None):
        names = [f"net.{number + i}" for i in range(4)]  # q, k, v, out
        sizes = [query.shape[-1], context.shape[-1], context.shape[-1], units]
        weights = [t.weight(name, size, units).T for name, size in zip(names, sizes)]
        biases = [torch.zeros(units, dtype=query.dtype) if i == 1 else  # that of k changes nothing
                  t.state(name, "bias", (units,), "zeros") for i, name in enumerate(names)]
        module = torch.nn.MultiheadAttention(units, heads, batch_first=True, dtype=query.dtype,
                                             kdim=sizes[1] + 1, vdim=sizes[2] + 1)  # weights apart
        state = {"q_proj_weight": weights[0], "k_proj_weight": weights[1], "v_proj_weight": weights[2],
                 "in_proj_bias": torch.cat(biases[:3]), "out_proj.weight": weights[3], "out_proj.bias": biases[3]}
        arguments = (query, context, context)
        return torch.func.functional_call(module, state, arguments, {"attn_mask": mask, "need_weights": False})[0]

    rows = t.image().flatten(2)
    later = torch.ones(28, 28, dtype=torch.bool).triu(1)
    seen = attention(0, rows, rows, 28, 4, later)
    told = attention(4, t.noise("asked", (BATCH, 5, 20), normal), seen, 20, 2)
    loss = (told - rows[:, :5, :20]).square().flatten(1).sum(1).mean()
    t.update(loss, ["net"], 1e-3)
    return {"loss": loss}


def mlp_vae_code(t, image):
    """The encoder of tests/zoo/parts/vae.yaml: mean and logarithm of the variance of ten numbers."""
    h = torch.relu(t.bias("encoder.0", t.dense("encoder.0", image.flatten(1), 64)))
    return (t.bias(layer, t.dense(layer, h, 10)) for layer in ("encoder.mean", "encoder.log_variance"))


def mlp_vae_logits(t, z):
    h = torch.relu(t.bias("decoder.0", t.dense("decoder.0", z, 64)))
    return t.bias("decoder.1", t.dense("decoder.1", h, 784)).view(-1, 28, 28, 1)


def tcvae(t):
    image = t.image()
    mean, log_variance = mlp_vae_code(t, image)
    q = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
    z = mean + q.stddev * t.noise("z", (BATCH, 10), normal)
    bce = F.binary_cross_entropy_with_logits(mlp_vae_logits(t, z), image, reduction="none")
    reconstruction = bce.flatten(1).sum(1).mean()
    each = q.log_prob(z[:, None])  # [code, example, latent]
    log_size = math.log(64 * BATCH)  # 64 examples in the data
    log_qz = each.sum(2).logsumexp(1) - log_size
    log_product = (each.logsumexp(1) - log_size).sum(1)
    prior = torch.distributions.Normal(torch.zeros_like(z), torch.ones_like(z)).log_prob(z).sum(1)
    information = (q.log_prob(z).sum(1) - log_qz).mean()
    tc, dimensions = (log_qz - log_product).mean(), (log_product - prior).mean()
    loss = reconstruction + information + 6 * tc + dimensions
    t.update(loss, ["encoder", "decoder"], 1e-3)
    return {"loss": loss, "reconstruction": reconstruction, "information": information, "tc": tc,
            "dimensions": dimensions}


def wae_mmd(t):
    image = t.image()
    code, _ = mlp_vae_code(t, image)
    prior = t.noise("prior", code.shape, normal)
    square = (torch.sigmoid(mlp_vae_logits(t, code)) - image).square().flatten(1).sum(1).mean()

    def kernel(a, b):
        return 20 / (20 + (a[:, None] - b[None]).square().sum(2))

    others = ~torch.eye(BATCH, dtype=torch.bool)
    mmd = kernel(code, code)[others].mean() + kernel(prior, prior)[others].mean() - 2 * kernel(code, prior).mean()
    loss = square + 10 * mmd
    t.update(loss, ["encoder", "decoder"], 1e-3)
    return {"loss": loss, "mmd": mmd}


def simclr(t):
    image = t.image()

    def view(use):
        scale = 0.6 + 0.8 * t.noise(use + ".scale", (BATCH, 1), uniform)
        x = image * scale[:, :, None, None] + 0.1 * t.noise(use, image.shape, normal)
        h = torch.relu(t.bias("trunk.0", t.dense("trunk.0", x.flatten(1), 64)))
        h = torch.relu(t.bias("head.0", t.dense("head.0", h, 64)))
        return F.normalize(t.bias("head.1", t.dense("head.1", h, 16)))

    views = torch.cat([view("a"), view("b")])
    logits = (views @ views.T / 0.5).masked_fill(torch.eye(2 * BATCH, dtype=torch.bool), -torch.inf)
    loss = F.cross_entropy(logits, torch.arange(2 * BATCH).roll(BATCH))
    t.update(loss, ["trunk", "head"], 1e-3)
    return {"loss": loss}


def unrolled_gan(t):
    image = 2 * t.image() - 1
    h = torch.tanh(t.bias("generator.0", t.dense("generator.0", t.noise("z", (BATCH, 64), normal), 64)))
    fake = torch.tanh(t.bias("generator.1", t.dense("generator.1", h, 784)))
    weights = [t.weight("discriminator.0", 784, 64), t.state("discriminator.0", "bias", (64,), "zeros"),
               t.weight("discriminator.1", 64, 1), t.state("discriminator.1", "bias", (1,), "zeros")]

    def loss(fake, w):
        real, made = (torch.tanh(x.flatten(1) @ w[0] + w[1]) @ w[2] + w[3] for x in (image, fake))
        return F.softplus(-real).mean() + F.softplus(made).mean()

    ahead = weights
    for _ in range(2):
        gradients = torch.autograd.grad(loss(fake, ahead), ahead, create_graph=True)
        ahead = [w - 0.1 * g for w, g in zip(ahead, gradients)]
    way = torch.cat([(a - w).flatten() for a, w in zip(ahead, weights)]).norm()
    g_loss, d_loss = -loss(fake, ahead), loss(fake.detach(), weights)
    t.update(g_loss, ["generator"], 2e-4, beta1=0.5)
    t.update(d_loss, ["discriminator"], 2e-4, beta1=0.5)
    return {"generator": g_loss, "discriminator": d_loss, "way": way}


def vq_ema(t):
    image = t.image()
    x = F.silu(t.bias("encoder.0", t.conv2d("encoder.0", image, 16, 4, 2)))
    latent = t.bias("encoder.1", t.conv2d("encoder.1", x, 8, 4, 2))
    count = t.state("count.0", "weight", (64,), "constant", trained=False)
    total = t.state("total.0", "weight", (64, 8), "normal", trained=False)
    flat = latent.detach().reshape(-1, 8)
    book = total / count[:, None]
    index = torch.cdist(flat, book).argmin(1)
    code = book[index].view_as(latent)
    x = t.bias("decoder.0", t.conv2d_transpose("decoder.0", latent + (code - latent).detach(), 16, 4, 2))
    x = F.silu(t.group_norm("decoder.0", x, 4))
    x = torch.sigmoid(t.bias("decoder.1", t.conv2d_transpose("decoder.1", x, 1, 4, 2)))
    square, commitment = (d.square().flatten(1).sum(1).mean() for d in (image - x, latent - code))
    loss = square + 0.25 * commitment
    t.noise("order", (BATCH, 1), uniform)  # of the places that dead codes would begin at; none dies here
    with torch.no_grad():
        used = torch.bincount(index, minlength=64)
        count.mul_(0.99).add_(0.01 * used)
        total.mul_(0.99).index_add_(0, index, 0.01 * flat)
        assert count.min() > 0.1
    t.update(loss, ["encoder", "decoder"], 1e-3)
    use = used / used.sum()
    return {"loss": loss, "perplexity": torch.exp(-(use * torch.log(use + 1e-10)).sum()),
            "codes": (used > 0).sum()}


def layer_norm(t, layer, x):
    gamma, beta = t.state(layer, "gamma", (32,), "ones"), t.state(layer, "beta", (32,), "zeros")
    return F.layer_norm(x, (32,), gamma, beta, 1e-3)


def attention(t):
    rows = t.image()[..., 0]

    def dense(layer, x, units):
        return t.bias(layer, t.dense(layer, x, units))

    h = dense("reader.rows", rows, 32)
    x = layer_norm(t, "reader.0", h)
    q, k, v = dense("reader.q", x, 8), t.dense("reader.k", x, 8), dense("reader.v", x, 32)
    h = h + dense("reader.0", F.scaled_dot_product_attention(q, k, v), 32)
    x = F.gelu(dense("reader.1", layer_norm(t, "reader.1", h), 64))
    h = h + dense("reader.2", x, 32)
    q = dense("asker.q", t.noise("asked", (BATCH, 5, 32), normal), 8)
    told = F.scaled_dot_product_attention(q, t.dense("asker.k", h, 8), dense("asker.v", h, 32))
    told = dense("asker.told", told, 16)
    loss = (told - rows[:, :5, :16]).square().flatten(1).sum(1).mean()
    t.update(loss, ["reader", "asker"], 1e-3)
    return {"loss": loss}


def diffusion(t):
    image = 2 * t.image() - 1

    def net(network, x, time):
        angle = time * torch.exp(-math.log(10000) / 16 * torch.arange(16, dtype=x.dtype))
        time = torch.cat([angle.sin(), angle.cos()], dim=1)
        time = F.silu(t.bias(network + ".0", t.dense(network + ".0", time, 32)))
        h = torch.tanh(t.bias(network + ".1", t.dense(network + ".1", x.flatten(1), 32))) + time
        return t.bias(network + ".2", t.dense(network + ".2", h, 784)).view_as(x)

    e, u = t.noise("e", image.shape, normal), t.noise("u", (BATCH, 1), uniform)
    step = (1000 * u).floor()
    kept = (1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)).cumprod(0).to(u.dtype)
    kept = kept[step.long()][..., None, None]
    noise = F.mse_loss(net("noise", kept.sqrt() * image + (1 - kept).sqrt() * e, step), e)
    t.update(noise, ["noise"], 1e-3)
    along = u[..., None, None]
    velocity = F.mse_loss(net("velocity", (1 - along) * e + along * image, 1000 * u), image - e)
    t.update(velocity, ["velocity"], 1e-3)
    return {"noise": noise, "velocity": velocity}


def style(t):
    def weight_normed(layer, *shape):
        """As torch.nn.utils.weight_norm: v with the length g of each filter, and a bias."""
        v = t.state(layer, "v", shape, "normal").movedim(-1, 0)
        g = t.state(layer, "g", shape[-1:], "ones").view(-1, *[1] * (len(shape) - 1))
        return torch._weight_norm(v, g, 0), t.state(layer, "bias", shape[-1:], "zeros")

    def modulated(number, x, style, filters, size, demodulate):
        """As in StyleGAN 2: weights of each example's own, by groups."""
        n, channels = x.shape[:2]
        weight = t.weight(f"net.{number}", size, size, channels, filters).permute(3, 2, 0, 1)
        bias = t.state(f"net.{number}", "bias", (filters,), "zeros")
        factor = style @ t.weight(f"net.{number + 1}", 8, channels)
        weight = weight * (factor + t.state(f"net.{number + 1}", "bias", (channels,), "ones"))[:, None, :, None, None]
        if demodulate:
            weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)
        y = F.conv2d(x.reshape(1, -1, *x.shape[2:]), weight.flatten(0, 1), padding=size // 2, groups=n)
        return y.view(n, filters, *x.shape[2:]) + bias[:, None, None]

    image, z = t.image(), t.noise("z", (BATCH, 8), normal)
    weight, bias = weight_normed("net.0", 3, 3, 1, 12)
    x = torch.tanh(F.conv2d(F.pad(image.permute(0, 3, 1, 2), (0, 1, 0, 1)), weight.permute(0, 3, 1, 2), bias, 2))
    x = t.bias("net.1", t.conv2d("net.1", x.permute(0, 2, 3, 1), 8, 3, 2)).permute(0, 3, 1, 2)
    x = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)
    factor = z @ t.state("net.factor", "weight", (8, 8), "ones")
    summand = z @ t.state("net.summand", "weight", (8, 8), "zeros")
    x = t.batch_norm("net.2", x.permute(0, 2, 3, 1), 0.99).permute(0, 3, 1, 2)
    x = torch.tanh(x * factor[..., None, None] + summand[..., None, None])
    x = modulated(5, modulated(3, x, z, 10, 3, True), z, 3, 1, False)
    deviation = x.var(0, correction=0).add(1e-8).sqrt().mean()
    x = torch.cat([x, deviation.expand(BATCH, 1, 7, 7)], 1).permute(0, 2, 3, 1)
    weight, bias = weight_normed("net.7", 7 * 7 * 4, 1)
    loss = (F.linear(x.flatten(1), weight, bias).flatten() - image.flatten(1).mean(1)).square().mean()
    t.update(loss, ["net"], 1e-3)
    return {"loss": loss}


def volumes(t):
    def weight(layer, *shape):
        return t.weight(layer, *shape).permute(4, 3, 0, 1, 2)  # the last two axes first

    def bias(layer, size):
        return t.state(layer, "bias", (size,), "zeros")

    volume = t.image().view(-1, 1, 4, 14, 14)
    x = F.pad(volume, (0, 1) * 3)  # `same` puts the odd element last
    x = torch.tanh(F.conv3d(x, weight("net.0", 3, 3, 3, 1, 6), bias("net.0", 6), 2))
    x = F.pad(x, (0, 1, 1, 1))
    x = torch.tanh(F.conv3d(x, weight("net.1", 1, 3, 2, 3, 8), bias("net.1", 8), groups=2))
    x = F.conv_transpose3d(x, weight("net.2", 2, 4, 3, 1, 8), bias("net.2", 1), 2)
    x = x[:, :, :, 1:15, :14]
    loss = F.mse_loss(x, volume)
    t.update(loss, ["net"], 1e-3)
    return {"loss": loss}


MODELS = {f.__name__: f for f in (attention, diffusion, gru, heads, hinge_sn, norms, r1_grid, recurrent, seed_gan,
                                  seed_vae, simclr, style, tcvae, unrolled_gan, vae_mlp, volumes, vq_ema, vq_vae,
                                  wae_mmd, wgan_gp)}
