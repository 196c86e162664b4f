"""The layers and the optimizer in PyTorch, as gmc's language means them: activations [N, H, W, C],
kernels [kh, kw, in, out] as in Keras. Written independently of gmc."""
import math

import torch
import torch.nn.functional as F


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


def leaky_relu(x, slope=0.3):
    return F.leaky_relu(x, slope)


def adam(p, gradient, m, v, t, rate, beta1=0.9, beta2=0.999, epsilon=1e-7):
    """As in Keras: epsilon is added to the root of the uncorrected v. t counts from 1."""
    with torch.no_grad():
        m.mul_(beta1).add_(gradient, alpha=1 - beta1)
        v.mul_(beta2).add_(gradient * gradient, alpha=1 - beta2)
        p -= rate * math.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (v.sqrt() + epsilon)
