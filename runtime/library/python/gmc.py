"""Trained models of gmc, through its C library and numpy.

    import gmc
    model = gmc.load("runs/vae_mlp")
    images = model.sample(64)              # numpy, [64, 28, 28, 1]
    codes = model.encode(images)           # every function of the model is a method
    table = pandas.DataFrame(gmc.metrics("runs/vae_mlp"))

A function takes arrays [examples, ...] by name or in the order of model.functions["encode"].inputs. Noise and labels
that are not given are drawn: example n depends on `seed` and n only, but for rounding in the last bits. A function with
one result returns its array, one with several a dict of arrays.
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
_SONAME = "libgmc.so.0"


class Error(Exception):
    """What gmc says of a file, a value or a call that is wrong."""


class _Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("run", ctypes.c_char_p), ("checkpoint", ctypes.c_char_p),
                ("threads", ctypes.c_int)]


class _RunOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("seed", ctypes.c_uint64), ("first", ctypes.c_int64)]


_RUN_OPTIONS_SIZE = ctypes.sizeof(_RunOptions)


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
    addresses = ctypes.POINTER(ctypes.c_void_p)
    for name, result, *arguments in [
            ("version", text), ("last_error", text),
            ("load", ctypes.c_int, text, ctypes.POINTER(_Options), ctypes.POINTER(model)), ("free", None, model),
            ("name", text, model), ("batch_size", ctypes.c_int64, model),
            ("function_count", size, model), ("function_name", text, model, size),
            ("input_count", size, model, text), ("output_count", size, model, text),
            ("input", ctypes.c_int, model, text, size, ctypes.POINTER(_Tensor)),
            ("output", ctypes.c_int, model, text, size, ctypes.POINTER(_Tensor)),
            ("run", ctypes.c_int, model, text, ctypes.c_int64, addresses, addresses,
             ctypes.POINTER(_RunOptions))]:
        function = getattr(library, "gmc_" + name)
        function.restype, function.argtypes = result, arguments
    return library


_library = _open()
version = _library.gmc_version().decode()


def _check(status):
    if status != 0:
        raise Error(_library.gmc_last_error().decode())


def _address(array):
    """What array.ctypes.data is, in a third of the time where the array may be written."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError):
        return array.ctypes.data


def _whole(name, number, most):
    """The number, if C's types hold it: ctypes cuts others off without a word."""
    if not 0 <= number <= most:
        raise Error(f"{name} is a whole number from 0 to {most}, not {number}")
    return number


def _path(path):
    text = os.fsencode(path)
    if b"\0" in text:
        raise Error(f"the path {path!r} has a zero in it")
    return text


_F32 = numpy.dtype(numpy.float32)


class _Handle:
    """A loaded model of the library, until nobody uses it any more. A copy is loaded again."""

    address = None

    def __init__(self, path, run, checkpoint, threads):
        options = _Options(ctypes.sizeof(_Options), run and _path(run), checkpoint and _path(checkpoint),
                           _whole("threads", threads, 2**31 - 1))
        address = ctypes.c_void_p()
        _check(_library.gmc_load(_path(path), ctypes.byref(options), ctypes.byref(address)))
        self.address = address
        self._given = os.path.abspath(path), run and os.path.abspath(run), checkpoint, threads

    def __reduce__(self):
        return _Handle, self._given

    def __del__(self):
        if self.address and _library is not None:  # None: Python is ending
            _library.gmc_free(self.address)


def _floats(tensor, array):
    """The array as the library takes it. What numpy would make floats of although nobody means it is refused."""
    try:
        array = numpy.asarray(array)
    except ValueError as error:  # rows of different lengths
        raise Error(f"{tensor.name} is no array: {error}") from None
    kind = array.dtype.kind
    if kind not in "fiub":
        raise Error(f"{tensor.name} is an array of {array.dtype}, not of real numbers")
    if kind in "iu" and tensor.kind == "data" and len(tensor.shape) == 3 and array.size:  # a picture, maybe as bytes
        low, high = array.min(), array.max()
        if low < tensor.low or high > tensor.high:
            raise Error(f"{tensor.name} has whole numbers from {low} to {high}, but the model was trained on numbers "
                        f"from {tensor.low:g} to {tensor.high:g}: scale them, or pass floats")
    return numpy.ascontiguousarray(array, dtype=numpy.float32)


class _Method:
    """A function of a model, ready to be called: what all calls have in common is there."""

    def __init__(self, handle, function):
        self._handle, self._name, self._text = handle, function.name, function.name.encode()
        self._inputs = {tensor.name: tensor for tensor in function.inputs}
        self._outputs = [(tensor.name, tensor.shape) for tensor in function.outputs]
        # What can be drawn comes last among those that are given in order.
        self._order = sorted(self._inputs, key=lambda name: self._inputs[name].kind != "data")
        self._shape = function.inputs[0].shape if function.inputs else None
        self._from_type = ctypes.c_void_p * len(function.inputs)
        self._to_type = ctypes.c_void_p * len(function.outputs)
        self._function = function

    def __reduce__(self):
        return _Method, (self._handle, self._function)

    def __call__(self, *arguments, seed=1, first=0, **named):
        if len(arguments) == 1 and len(self._order) == 1 and not named:
            array = arguments[0]
            if type(array) is numpy.ndarray and array.dtype is _F32 and array.flags.c_contiguous \
                    and array.shape[1:] == self._shape and array.ndim > 0:
                return self._run(len(array), self._from_type(_address(array)), seed, first)
        return self._call(arguments, named, seed, first)

    def _call(self, arguments, named, seed, first):
        count = None
        if arguments and isinstance(arguments[0], (int, numpy.integer)):
            count, arguments = int(arguments[0]), arguments[1:]
        if len(arguments) > len(self._order):
            raise Error(f"{self._name} takes {len(self._order)} arrays, not {len(arguments)}")
        given = dict(zip(self._order, arguments))
        for name, array in named.items():
            if name in given or name not in self._inputs:
                raise Error(f"{self._name} has no other input {name!r}; it has {', '.join(self._inputs)}")
            given[name] = array
        for name, array in given.items():
            shape = self._inputs[name].shape
            given[name] = array = _floats(self._inputs[name], array)
            if array.shape[1:] != shape or array.ndim == 0:
                wanted = ", ".join(["examples", *map(str, shape)])
                raise Error(f"{name} is {list(array.shape)}, not [{wanted}]")
            if count is not None and len(array) != count:
                raise Error(f"{name} has {len(array)} examples, not {count}")
            count = len(array)
        if count is None:
            raise Error(f"{self._name} needs the number of examples or an array")
        from_ = self._from_type(*[_address(given[name]) if name in given else None for name in self._inputs])
        return self._run(count, from_, seed, first)

    def _run(self, count, from_, seed, first):
        """Arrays whose addresses are in `from_` have to live until this returns."""
        results = [numpy.empty((max(count, 0), *shape), _F32) for _, shape in self._outputs]
        options = _RunOptions(_RUN_OPTIONS_SIZE, _whole("seed", seed, 2**64 - 1), _whole("first", first, 2**63 - 1))
        status = _library.gmc_run(self._handle.address, self._text, count, from_,
                                  self._to_type(*map(_address, results)), ctypes.byref(options))
        if status != 0:
            _check(status)
        if len(results) == 1:
            return results[0]
        return {name: array for (name, _), array in zip(self._outputs, results)}


class Model:
    """A trained model; see load()."""

    def __init__(self, path, run=None, checkpoint=None, threads=0):
        self._handle = _Handle(path, run, checkpoint, threads)
        model = self._handle.address
        self.name = _library.gmc_name(model).decode()
        self.batch_size = _library.gmc_batch_size(model)
        names = [_library.gmc_function_name(model, i) for i in range(_library.gmc_function_count(model))]
        #: Functions by name, with their inputs and outputs.
        self.functions = {name.decode(): Function(name.decode(), self._tensors("input", name),
                                                  self._tensors("output", name)) for name in names}
        self._methods = {name: _Method(self._handle, function) for name, function in self.functions.items()}
        for name, method in self._methods.items():
            if not hasattr(self, name):  # `run` can be called as run("run")
                setattr(self, name, method)

    def __repr__(self):
        return f"<gmc.Model {self.name}: {', '.join(self.functions)}>"

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        names = ", ".join(self.__dict__.get("functions", ()))
        raise AttributeError(f"this model has no function {name!r}; it has {names}")

    def run(self, function, *arguments, seed=1, first=0, **named):
        """Runs a function. The first argument may be the number of examples, where all inputs can be drawn."""
        if function not in self._methods:
            raise Error(f"model {self.name} has no function {function!r}; it has {', '.join(self.functions)}")
        return self._methods[function](*arguments, seed=seed, first=first, **named)

    def _tensors(self, what, function):
        tensors = []
        for i in range(getattr(_library, f"gmc_{what}_count")(self._handle.address, function)):
            t = _Tensor()
            _check(getattr(_library, f"gmc_{what}")(self._handle.address, function, i, ctypes.byref(t)))
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
