#!/usr/bin/env python3
"""Writes a safetensors file of f32 anew as another program may have written it: without metadata, and

    edit_weights.py FROM TO same | nan | transposed | renamed | F64 | F16 | BF16 | I32
"""
import json
import math
import struct
import sys

FORMATS = {"F32": "f", "F64": "d", "F16": "e", "I32": "i"}


def pack(kind, numbers):
    if kind == "BF16":
        return b"".join(struct.pack("<f", number)[2:] for number in numbers)
    return struct.pack(f"<{len(numbers)}{FORMATS[kind]}", *(map(int, numbers) if kind == "I32" else numbers))


def main(source, target, edit):
    with open(source, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    header.pop("__metadata__", None)
    kind = edit if edit in ("BF16", *FORMATS) else "F32"
    out, body = {}, b""
    for name, entry in header.items():
        numbers = list(struct.unpack(f"<{math.prod(entry['shape'])}f", data[slice(*entry["data_offsets"])]))
        shape = entry["shape"]
        if edit == "transposed" and len(shape) == 2:
            numbers = [numbers[i * shape[1] + k] for k in range(shape[1]) for i in range(shape[0])]
            shape = shape[::-1]
        if edit == "nan":
            numbers[-1] = math.nan
        packed = pack(kind, numbers)
        out[f"another.{name}" if edit == "renamed" else name] = {
            "dtype": kind, "shape": shape, "data_offsets": [len(body), len(body) + len(packed)]}
        body += packed
    text = json.dumps(out).encode()
    with open(target, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


main(*sys.argv[1:])
