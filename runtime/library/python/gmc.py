"""Trained models of gmc, through its C library and numpy.

    import gmc
    model = gmc.load("runs/vae_mlp")
    images = model.sample(64)              # numpy, [64, 28, 28, 1]
    codes = model.encode(images)           # every function of the model is a method
    table = pandas.DataFrame(gmc.metrics("runs/vae_mlp"))

A function takes arrays [examples, ...] by name or in the order of model.functions["encode"].inputs. Noise and labels
that are not given are drawn: example n depends on `seed` and n only. A function with one result returns its array, one
with several a dict of arrays.
"""
import collections
import ctypes
import json
import os
import pathlib

import numpy

Tensor = collections.namedtuple("Tensor", "name kind shape classes low high")
Tensor.__doc__ = "An input or a result: shape of one example; kind is data, label, normal, uniform, valid or result."
Function = collections.namedtuple("Function", "name inputs outputs")

_KINDS = ["result", "data", "label", "normal", "uniform", "valid"]
_FLOATS = ctypes.POINTER(ctypes.c_float)
_SONAME = "libgmc.so.0"


class Error(Exception):
    """What gmc says of a file, a value or a call that is wrong."""


class _Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("run", ctypes.c_char_p), ("checkpoint", ctypes.c_char_p),
                ("threads", ctypes.c_int)]


class _RunOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("seed", ctypes.c_uint64), ("first", ctypes.c_int64)]


class _Tensor(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("kind", ctypes.c_int), ("rank", ctypes.c_size_t),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("elements", ctypes.c_int64), ("classes", ctypes.c_int64),
                ("low", ctypes.c_double), ("high", ctypes.c_double)]


def _file():
    """What GMC_LIBRARY names, or the library of the prefix in which this file is installed, or the system's."""
    prefix = pathlib.Path(__file__).resolve().parents[2]
    near = [*prefix.glob(_SONAME), *prefix.glob("*/" + _SONAME)]
    return os.environ.get("GMC_LIBRARY") or str(near[0] if near else _SONAME)


def _open():
    library = ctypes.CDLL(_file())
    text, model, size = ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t
    floats = ctypes.POINTER(_FLOATS)
    for name, result, *arguments in [
            ("version", text), ("last_error", text),
            ("load", ctypes.c_int, text, ctypes.POINTER(_Options), ctypes.POINTER(model)), ("free", None, model),
            ("name", text, model), ("batch_size", ctypes.c_int64, model),
            ("function_count", size, model), ("function_name", text, model, size),
            ("input_count", size, model, text), ("output_count", size, model, text),
            ("input", ctypes.c_int, model, text, size, ctypes.POINTER(_Tensor)),
            ("output", ctypes.c_int, model, text, size, ctypes.POINTER(_Tensor)),
            ("run", ctypes.c_int, model, text, ctypes.c_int64, floats, floats, ctypes.POINTER(_RunOptions))]:
        function = getattr(library, "gmc_" + name)
        function.restype, function.argtypes = result, arguments
    return library


_library = _open()
version = _library.gmc_version().decode()


def _check(status):
    if status != 0:
        raise Error(_library.gmc_last_error().decode())


def _address(array):
    return array.ctypes.data_as(_FLOATS)


class Model:
    """A trained model; see load()."""

    def __init__(self, path, run=None, checkpoint=None, threads=0):
        self._model = ctypes.c_void_p()
        options = _Options(ctypes.sizeof(_Options), run and os.fsencode(run), checkpoint and os.fsencode(checkpoint),
                           threads)
        _check(_library.gmc_load(os.fsencode(path), ctypes.byref(options), ctypes.byref(self._model)))
        self.name = _library.gmc_name(self._model).decode()
        self.batch_size = _library.gmc_batch_size(self._model)
        names = [_library.gmc_function_name(self._model, i) for i in range(_library.gmc_function_count(self._model))]
        #: Functions by name, with their inputs and outputs.
        self.functions = {name.decode(): Function(name.decode(), self._tensors("input", name),
                                                  self._tensors("output", name)) for name in names}

    def __del__(self):
        if getattr(self, "_model", None) and _library is not None:  # None: Python is ending
            _library.gmc_free(self._model)

    def __repr__(self):
        return f"<gmc.Model {self.name}: {', '.join(self.functions)}>"

    def __dir__(self):
        return [*super().__dir__(), *self.functions]

    def __getattr__(self, name):
        if name.startswith("_") or name not in self.__dict__.get("functions", {}):
            raise AttributeError(f"this model has no function {name!r}")
        return lambda *arguments, **named: self.run(name, *arguments, **named)

    def run(self, function, *arguments, seed=1, first=0, **named):
        """Runs a function. The first argument may be the number of examples, where all inputs can be drawn."""
        if function not in self.functions:
            raise Error(f"model {self.name} has no function {function!r}; it has {', '.join(self.functions)}")
        inputs, outputs = self.functions[function].inputs, self.functions[function].outputs
        count = None
        if arguments and isinstance(arguments[0], (int, numpy.integer)):
            count, arguments = int(arguments[0]), arguments[1:]
        # What can be drawn comes last among those that are given in order.
        order = sorted(inputs, key=lambda tensor: tensor.kind != "data")
        if len(arguments) > len(order):
            raise Error(f"{function} takes {len(order)} arrays, not {len(arguments)}")
        given = {tensor.name: array for tensor, array in zip(order, arguments)}
        for name, array in named.items():
            if name in given or name not in [tensor.name for tensor in inputs]:
                raise Error(f"{function} has no other input {name!r}; it has {', '.join(t.name for t in inputs)}")
            given[name] = array
        arrays = {}
        for tensor in inputs:
            if tensor.name not in given:
                continue
            array = numpy.ascontiguousarray(given[tensor.name], dtype=numpy.float32)
            if array.shape[1:] != tensor.shape or array.ndim == 0:
                wanted = ", ".join(["examples", *map(str, tensor.shape)])
                raise Error(f"{tensor.name} is {list(array.shape)}, not [{wanted}]")
            if count is not None and len(array) != count:
                raise Error(f"{tensor.name} has {len(array)} examples, not {count}")
            count, arrays[tensor.name] = len(array), array
        if count is None:
            raise Error(f"{function} needs the number of examples or an array")
        results = {t.name: numpy.empty((max(count, 0), *t.shape), numpy.float32) for t in outputs}
        from_ = (_FLOATS * len(inputs))(*[_address(arrays[t.name]) if t.name in arrays else None for t in inputs])
        to = (_FLOATS * len(outputs))(*[_address(results[t.name]) for t in outputs])
        options = _RunOptions(ctypes.sizeof(_RunOptions), seed, first)
        _check(_library.gmc_run(self._model, function.encode(), count, from_, to, ctypes.byref(options)))
        return results if len(results) > 1 else next(iter(results.values()))

    def _tensors(self, what, function):
        tensors = []
        for i in range(getattr(_library, f"gmc_{what}_count")(self._model, function)):
            t = _Tensor()
            _check(getattr(_library, f"gmc_{what}")(self._model, function, i, ctypes.byref(t)))
            tensors.append(Tensor(t.name.decode(), _KINDS[t.kind], tuple(t.shape[:t.rank]), t.classes, t.low, t.high))
        return tensors


def load(path, run=None, checkpoint=None, threads=0):
    """Loads the folder of a run, or a .gmc with the run that `run` names."""
    return Model(path, run, checkpoint, threads)


def metrics(run):
    """The columns of a run's metrics.jsonl, lists of equal length; None where a row does not have the column."""
    with open(os.path.join(os.fspath(run), "metrics.jsonl"), encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.endswith("\n")]
    names = dict.fromkeys(name for row in rows for name in row if name != "nonfinite")
    not_finite = [row.get("nonfinite", {}) for row in rows]
    return {name: [float(bad[name]) if name in bad else row.get(name) for row, bad in zip(rows, not_finite)]
            for name in names}
