"""gmc's counter-based random generator in numpy, written independently of the C++ one.

A number is a pure function of (seed, step, stream, index in the tensor). Used by make_fixtures.py;
run by itself it only checks itself.
"""
import math

import numpy as np


def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011): counters [n, 4], a key of two words -> words [n, 4]."""
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


def check():
    """Against the published known answers, the layout element by element, and the moments."""
    ones = 0xFFFFFFFF
    for word, expected in ((0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
                           (ones, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD))):
        assert tuple(philox([[word] * 4], (word, word))[0]) == expected  # Random123's kat_vectors
    u, n = uniform((100, 1000), 5, 6, 7), normal((100, 1000), 5, 6, 7)
    for i in (0, 15, 16, 31, 47, 63, 64, 99_999):  # the layout, element by element
        k, r = divmod(i, 64)
        words = philox([[k * 16 + r % 16, 0, 6, 7]], (5, 0))[0] >> np.uint64(8)
        pair = [float(w) * 2.0**-24 for w in words[r // 32 * 2:][:2]]
        wave = math.sin if r // 16 % 2 else math.cos
        assert u.flat[i] == float(words[r // 16]) * 2.0**-24
        assert math.isclose(n.flat[i], math.sqrt(-2 * math.log(pair[0] + 2.0**-24)) *
                            wave(2 * math.pi * pair[1]), rel_tol=1e-12, abs_tol=1e-15)
    assert abs(u.mean() - 0.5) < 0.003 and abs(n.mean()) < 0.01 and abs(n.std() - 1) < 0.01


if __name__ == "__main__":
    check()
    print("ok")
