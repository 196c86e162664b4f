"""Makes optimizers.json: what optimizers and schedules of Keras and PyTorch make of six parameters.

Run by hand where both are installed, never by the tests:

    KERAS_BACKEND=torch python3 make_optimizers.py > optimizers.json

There are five steps. The loss is sum((1 + i) / 2 (p_i - i / 3)^2 + p_i^4 / 4). Each case has the text of the optimizer
in gmc's language; a rule that is named after Keras' is compared with Keras', a schedule with PyTorch's.
"""
import json

import keras
import numpy as np
import torch
from torch.optim import lr_scheduler

STEPS = 5
START = [0.9, -0.4, 0.3, 1.6, -1.1, 0.7]
WEIGHT = torch.arange(6) + 1.0
TARGET = torch.arange(6) / 3.0


def gradient(p):
    return WEIGHT * (p - TARGET) + p**3


def by_keras(optimizer):
    p = keras.Variable(np.array(START, dtype=np.float32))
    values = []
    for _ in range(STEPS):
        optimizer.apply([gradient(p.value.detach())], [p])
        values.append(p.numpy().tolist())
    return values


def by_torch(make_optimizer, make_schedule=None):
    p = torch.tensor(START, requires_grad=True)
    optimizer = make_optimizer([p])
    schedule = make_schedule(optimizer) if make_schedule else None
    values = []
    for _ in range(STEPS):
        p.grad = gradient(p.detach())
        optimizer.step()
        if schedule:
            schedule.step()
        values.append(p.detach().tolist())
    return values


def sgd_with(rate, make_schedule):
    return by_torch(lambda p: torch.optim.SGD(p, lr=rate), make_schedule)


K = keras.optimizers
CASES = {
    "{adam: {learning_rate: 0.05}}": lambda: by_keras(K.Adam(0.05)),
    "{adam: {learning_rate: 0.05, beta_1: 0.5, beta_2: 0.9, weight_decay: 0.1}}":
        lambda: by_keras(K.Adam(0.05, beta_1=0.5, beta_2=0.9, weight_decay=0.1)),
    "{adamw: {learning_rate: 0.05}}": lambda: by_keras(K.AdamW(0.05)),
    "{adamw: {learning_rate: 0.05, weight_decay: 0.2, epsilon: 1e-8}}":
        lambda: by_torch(lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.2)),
    "{adam: {learning_rate: 0.05, epsilon: 1e-8}}": lambda: by_torch(lambda p: torch.optim.Adam(p, lr=0.05)),
    "{lion: {learning_rate: 0.02}}": lambda: by_keras(K.Lion(0.02)),
    "{lion: {learning_rate: 0.02, beta_1: 0.5, beta_2: 0.8, weight_decay: 0.1}}":
        lambda: by_keras(K.Lion(0.02, beta_1=0.5, beta_2=0.8, weight_decay=0.1)),
    "{rmsprop: {learning_rate: 0.02}}": lambda: by_keras(K.RMSprop(0.02)),
    "{rmsprop: {learning_rate: 0.02, rho: 0.7, momentum: 0.5}}":
        lambda: by_keras(K.RMSprop(0.02, rho=0.7, momentum=0.5)),
    "{rmsprop: {learning_rate: 0.02, centered: true}}": lambda: by_keras(K.RMSprop(0.02, centered=True)),
    "{sgd: {learning_rate: 0.03}}": lambda: by_keras(K.SGD(0.03)),
    "{sgd: {learning_rate: 0.03, momentum: 0.9}}": lambda: by_keras(K.SGD(0.03, momentum=0.9)),
    "{sgd: {learning_rate: 0.03, momentum: 0.9, nesterov: true}}":
        lambda: by_keras(K.SGD(0.03, momentum=0.9, nesterov=True)),
    "{sgd: {learning_rate: 0.03, clip_value: 0.5}}": lambda: by_keras(K.SGD(0.03, clipvalue=0.5)),
    "{adam: {learning_rate: 0.05, clip_norm: 0.5}}": lambda: by_keras(K.Adam(0.05, clipnorm=0.5)),
    "{sgd: {learning_rate: 0.03, global_clip_norm: 0.5}}": lambda: by_keras(K.SGD(0.03, global_clipnorm=0.5)),
    "{sgd: {learning_rate: {linear: {from: 0.03, to: 0.006, over: 4 steps}}}}":
        lambda: sgd_with(0.03, lambda o: lr_scheduler.LinearLR(o, 1, 0.2, 4)),
    "{sgd: {learning_rate: {cosine: {from: 0.03, to: 0.001, over: 5 steps}}}}":
        lambda: sgd_with(0.03, lambda o: lr_scheduler.CosineAnnealingLR(o, 5, 0.001)),
    "{sgd: {learning_rate: {step: {from: 0.03, factor: 0.3, every: 2 steps}}}}":
        lambda: sgd_with(0.03, lambda o: lr_scheduler.StepLR(o, 2, 0.3)),
    "{sgd: {learning_rate: {one_cycle: {peak: 0.05, over: 5 steps}}}}":
        lambda: sgd_with(0.03, lambda o: lr_scheduler.OneCycleLR(o, 0.05, total_steps=5, cycle_momentum=False)),
    "{sgd: {learning_rate: {one_cycle: {peak: 0.05, over: 12 steps}}}}":
        lambda: sgd_with(0.03, lambda o: lr_scheduler.OneCycleLR(o, 0.05, total_steps=12, cycle_momentum=False)),
    "{sgd: {learning_rate: {constant: {value: 0.03, warm_up: 4 steps}}}}":
        lambda: sgd_with(0.03, lambda o: lr_scheduler.LinearLR(o, 0.25, 1, 3)),
}

if __name__ == "__main__":
    cases = [{"optimizer": text, "parameters": [[round(x, 7) for x in step] for step in make()]}
             for text, make in CASES.items()]
    print('{"start": %s, "cases": [' % json.dumps(START))
    print(",\n".join(json.dumps(case) for case in cases))
    print("]}")
