"""Tries gmc.py on the run that install.py made; PYTHONPATH names the folder of gmc.py.

Usage: tests/install/module.py RUN
"""
import copy
import pickle
import sys
import threading

import gmc
import numpy


def fails(text, call):
    try:
        call()
    except gmc.Error as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"no error: {text}")


def main(run):
    model = gmc.load(run)
    assert model.name == "ring" and model.batch_size == 32 and set(model.functions) >= {"sample", "encode"}
    assert model.functions["sample"].inputs[0][:3] == ("z", "normal", (4,)), model.functions["sample"]

    many = model.sample(100)
    assert many.shape == (100, 2) and many.dtype == numpy.float32
    for count in (1, 3, 31, 32, 33):
        numpy.testing.assert_allclose(model.sample(count), many[:count], rtol=1e-5, atol=1e-6)
    numpy.testing.assert_allclose(model.sample(5, first=90), many[90:95], rtol=1e-5, atol=1e-6)
    assert numpy.abs(model.sample(100, seed=2) - many).max() > 0.01
    z = numpy.random.default_rng(1).normal(size=(40, 4))
    numpy.testing.assert_allclose(model.sample(z), model.sample(z=z[::-1])[::-1], rtol=1e-5, atol=1e-6)

    codes = model.encode(many)
    assert codes.shape == (100, 4)
    numpy.testing.assert_allclose(model.encode(point=many[7:8]), codes[7:8], rtol=1e-5, atol=1e-6)

    fixed = many.copy()
    fixed.flags.writeable = False
    numpy.testing.assert_allclose(model.encode(fixed), codes, rtol=1e-5, atol=1e-6)
    try:
        model.decode(1)
    except AttributeError as error:
        assert "no function 'decode'; it has sample, encode" in str(error), error
    else:
        raise AssertionError("`decode` is a function of the model")

    fails("no function 'decode'", lambda: model.run("decode", 1))
    fails("not [examples, 2]", lambda: model.encode(numpy.zeros((3, 3))))
    fails("needs `point`, which cannot be drawn", lambda: model.encode(3))
    fails("not 0", lambda: model.sample(0))
    fails("not -1", lambda: model.sample(1, first=-1))
    fails("first is a whole number", lambda: model.sample(1, first=2**70))
    fails("threads is a whole number", lambda: gmc.load(run, threads=2**32 + 1))
    fails("1 to 1024 threads, not 5000", lambda: gmc.load(run, threads=5000))
    fails("has a zero in it", lambda: gmc.load(run + "\0more"))
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert again._handle is not model._handle and again.name == model.name
        assert (again.sample(3) == model.sample(3)).all() and (again.run("sample", 3) == model.sample(3)).all()
    assert (pickle.loads(pickle.dumps(model.sample))(3) == model.sample(3)).all()
    fails("not -1", lambda: model.sample(1, seed=-1))
    fails("point is an array of complex64", lambda: model.encode(many + 1j))
    fails("point is an array of <U2", lambda: model.encode([["ab", "cd"]]))
    fails("point is no array", lambda: model.encode([[1, 2], [3]]))
    picture = gmc.Tensor("image", "data", (2, 2, 1), 0, 0.0, 1.0)
    fails("from 0 to 255, but the model was trained on numbers from 0 to 1",
          lambda: gmc._floats(picture, numpy.array([0, 255], "u1")))
    assert gmc._floats(picture, numpy.array([0, 1], "u1")).dtype == numpy.float32
    fails("no_such_run", lambda: gmc.load("no_such_run"))
    fails("has no weights", lambda: gmc.load(run + "/model.gmc"))
    assert gmc.load(run + "/model.gmc", run=run).sample(1).shape == (1, 2)

    # Models of their own in several threads, and one model in several threads.
    results = [None] * 6
    def work(number):
        own = gmc.load(run) if number % 2 else model
        results[number] = [own.sample(50 + number) for _ in range(20)][-1]
    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(results))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        numpy.testing.assert_allclose(result, many[:len(result)], rtol=1e-5, atol=1e-6)

    columns = gmc.metrics(run)
    assert len({len(column) for column in columns.values()}) == 1 and "loss" in columns, columns
    print("gmc.py: well")


main(sys.argv[1])
