"""The GANs of models/ and tests/bench/models in PyTorch, as their users would write them for speed."""
import typing

import torch
import torch.nn as nn
import torch.nn.functional as F


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


def seed_discriminator():
    return nn.Sequential(
        nn.Conv2d(1, 64, 5, 2, 2), nn.LeakyReLU(0.3), nn.Dropout(0.3),
        nn.Conv2d(64, 128, 5, 2, 2), nn.LeakyReLU(0.3), nn.Dropout(0.3), nn.Flatten(), nn.Linear(128 * 49, 1))


def seed_critic():
    return nn.Sequential(nn.Conv2d(1, 64, 5, 2, 2), nn.LeakyReLU(0.2), nn.Conv2d(64, 128, 5, 2, 2), nn.LeakyReLU(0.2),
                         nn.Flatten(), nn.Linear(128 * 49, 1))


def dcgan_weights(network):
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0, 0.02)
    return network


def dcgan_generator():
    layers = [nn.Unflatten(1, (100, 1, 1))]
    for inputs, filters, stride, pad in ((100, 512, 1, 0), (512, 256, 2, 1), (256, 128, 2, 1), (128, 64, 2, 1)):
        layers += [nn.ConvTranspose2d(inputs, filters, 4, stride, pad, bias=False), nn.BatchNorm2d(filters), nn.ReLU()]
    return dcgan_weights(nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh()))


def dcgan_discriminator():
    layers = [nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for inputs in (64, 128, 256):
        layers += [nn.Conv2d(inputs, 2 * inputs, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * inputs), nn.LeakyReLU(0.2)]
    return dcgan_weights(nn.Sequential(*layers, nn.Conv2d(512, 1, 4, bias=False), nn.Flatten()))


def tells_apart(discriminator, _, real, fake):
    return F.softplus(-discriminator(real).float()).mean() + F.softplus(discriminator(fake).float()).mean()


def deceives(fake_logit):
    return F.softplus(-fake_logit).mean()


def critic_loss(critic, plain, real, fake):
    """With a penalty of slopes other than 1. These are of `plain`: what torch.compile makes has no second gradient."""
    mixed = torch.lerp(real, fake.float(), torch.rand(len(real), 1, 1, 1)).requires_grad_()
    slope = torch.autograd.grad(plain(mixed).sum(), mixed, create_graph=True)[0].flatten(1).norm(dim=1)
    return critic(fake).float().mean() - critic(real).float().mean() + 10 * ((slope - 1) ** 2).mean()


def critic_rises(fake_score):
    return -fake_score.mean()


class Gan(typing.NamedTuple):
    generator: typing.Callable
    discriminator: typing.Callable
    discriminator_loss: typing.Callable = tells_apart
    generator_loss: typing.Callable = deceives
    example: tuple = (1, 28, 28)
    rate: float = 2e-4
    betas: tuple = (0.5, 0.999)
    low: float = -1
    high: float = 1


GANS = {"seed_gan": Gan(SeedGenerator, seed_discriminator),
        "seed_wgan_gp": Gan(SeedGenerator, seed_critic, critic_loss, critic_rises),
        "dcgan64": Gan(dcgan_generator, dcgan_discriminator, example=(3, 64, 64))}
