#!/usr/bin/env python3
"""Exports every function of every model, and asks other programs what it computes.

Usage: tests/onnx/check.py --bin-dir build [--keep FOLDER] [MODEL...]

Each model of models/, models/stages and loops/ (of this folder) is trained for two steps, on noise in place of
pictures. Every function is exported: onnx.checker must accept it, onnxruntime must give gmc's results at batches of 1,
3 and 200 (training steps, whose means hold their batch size, at that of the run), with random numbers as inputs, and
Netron must serve it and, where there is node, read it. With random numbers drawn inside and with weights in a file of
their own, it must be valid and run.
An error is the largest difference, relative to the largest number of the result, or to 1e-3 where that is smaller (0.1
for a single number, which may be the logarithm of about 1): at most 1e-4. Of training steps it is the mean difference,
at most 1e-3: gradients jump where the input of a leaky_relu is 0 but for rounding, and Adam makes whole steps of
gradients that are nothing but rounding. (seed_gan: of 212,896 moments 24 differ, all behind one such number; hinge_sn's
betas, whose gradients are small beside those of noise in place of pictures, differ by 4e-4.)

Needs the Python packages onnx, onnxruntime and numpy, and netron if it is there; exit code 77 without the former.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import numpy
    import onnx
    import onnxruntime
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/runs"))
from kills import Bench  # noqa: E402

TRAINED = 16  # the batch of the run
BATCHES = (1, 3, 200)
MOST, MOST_OF_STEP = 1e-4, 1e-3
onnxruntime.set_default_logger_severity(3)


STAGES = {"classifier": "judge", "vq_vae": "first"}  # runs that models of models/stages begin with, and their variables


def model_files():
    paths = [path for folder in ("models", "models/stages", "tests/onnx/loops")
             for path in sorted((ROOT / folder).glob("*.yaml"))]
    return {path.stem: path for path in paths}


def settings(bench, path, batch):
    """Of a short run: little data, made up where the bench has such."""
    text = path.read_text()
    for base in re.findall(r"^extends: (\S+)", text, re.MULTILINE):
        text += (path.parent / base).read_text()
    sets = [f"{variable}={run}" for run, variable in STAGES.items() if f"{{from: \"${{{variable}}}\"" in text]
    if "synthetic" in text:
        sets.append(f"data.{'point' if 'point:' in text else 'image'}.count=512")
    else:
        data = "data/weather.csv" if "csv:" in text else "data/sounds" if "wav:" in text else "data"
        sets += [f"data={data}"] + (["normal=data/normal.npy"] if "npy:" in text else [])
    return sets + [f"train.batch_size={batch}"]


def compile_model(bench, path, name, sets):
    words = [word for each in sets for word in ("--set", each)]
    bench.run("gmc", "compile", str(path), "-o", name, *words)


def arrays(folder, prefix):
    return {path.name[len(prefix):-len(".npy")]: numpy.load(path) for path in folder.glob(prefix + "*.npy")}


def error_of(ours, theirs, of_step):
    if ours.shape != theirs.shape:
        sys.exit(f"a result of shape {theirs.shape} instead of {ours.shape}")
    if not (numpy.isfinite(ours) == numpy.isfinite(theirs)).all():
        return float("inf")
    ours, theirs = (numpy.where(numpy.isfinite(ours), x, 0).astype(numpy.float64) for x in (ours, theirs))
    differences = numpy.abs(ours - theirs)
    size = max(numpy.abs(ours).max(initial=0), 1e-3 if ours.shape else 0.1)
    return float((differences.mean() if of_step else differences.max()) / size)


def check_file(path):
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(str(path))
    props = {prop.key: prop.value for prop in model.metadata_props}
    if model.ir_version != 8 or model.opset_import[0].version != 17 or props["steps"] != "2":
        sys.exit(f"{path}: not what was to be written: {props}")
    return model


def compare(session, folder, of_step, size):
    """The largest error over the results of `size` examples, and the name of the result that has it."""
    given = arrays(folder, "in.") | {"batch": numpy.array([size])}
    wanted = arrays(folder, "out.")
    names = {value.name for value in session.get_inputs()}
    if names - set(given):
        sys.exit(f"{folder}: inputs that gmc does not know: {names - set(given)}")
    results = session.run(None, {name: given[name] for name in names})
    got = dict(zip((value.name for value in session.get_outputs()), results))
    if set(got) != set(wanted):
        sys.exit(f"{folder}: results {sorted(got)} instead of {sorted(wanted)}")
    return max((error_of(wanted[name], got[name], of_step), name) for name in wanted)


def is_fixed(model):
    return "for batches of" in model.graph.doc_string


def check_noise_inside(bench, run, function, path, shape_of):
    """Random numbers are drawn in the graph: other results at each call, of the shapes that they should have."""
    bench.run("gmrun", "export", run, "--function", function, "-o", str(path), "--noise", "inside")
    model = check_file(path)
    session = onnxruntime.InferenceSession(str(path))
    given = {}
    for value in session.get_inputs():
        if value.name == "batch":
            given["batch"] = numpy.array([3])
        else:
            given[value.name] = shape_of[value.name]
    results = session.run(None, given)
    if not all(numpy.isfinite(result).all() for result in results):
        sys.exit(f"{path}: a result that is not finite")
    return model


def check_model(bench, path, keep):
    name = path.stem
    compile_model(bench, path, f"{name}.gmc", settings(bench, path, TRAINED))
    bench.run("gmrun", "train", f"{name}.gmc", "--run", name, "--steps", "2", "--samples", "0", "--quiet", "--no-tune")
    bench.run("function_arrays", name, f"{name}.gmc", f"{name}_{TRAINED}")
    batches = () if "per_example" in path.read_text() else BATCHES  # a state of each example fits one batch
    for batch in batches:
        compile_model(bench, path, f"{name}_{batch}.gmc", settings(bench, path, batch))
        bench.run("function_arrays", name, f"{name}_{batch}.gmc", f"{name}_{batch}")
    worst, worst_step = (0.0, ""), (0.0, "")
    for folder in sorted((bench.folder / f"{name}_{TRAINED}").iterdir()):
        function = folder.name
        path = keep / f"{name}.{function}.onnx"
        bench.run("gmrun", "export", name, "--function", function, "-o", str(path), "--external")
        check_file(path)
        path.unlink()
        bench.run("gmrun", "export", name, "--function", function, "-o", str(path))
        model = check_file(path)
        pathlib.Path(str(path) + ".data").unlink()
        session = onnxruntime.InferenceSession(str(path))
        sizes = [TRAINED] if is_fixed(model) else [TRAINED, *batches]
        for size in sizes:
            error, result = compare(session, bench.folder / f"{name}_{size}" / function, is_fixed(model), size)
            nodes = len(model.graph.node)
            print(f"  {name}.{function}, batch {size}: {error:.1e} in {result}, {nodes} nodes", flush=True)
            if is_fixed(model):
                worst_step = max(worst_step, (error, f"{function}, {result}"))
            else:
                worst = max(worst, (error, f"{function}, batch {size}, {result}"))
        inside = keep / f"{name}.{function}.inside.onnx"
        check_noise_inside(bench, name, function, inside, arrays(folder if is_fixed(model) or not batches else
                           bench.folder / f"{name}_3" / function, "in."))
        inside.unlink()
    return worst, worst_step


def check_netron(paths, folder):
    try:
        import netron
    except ImportError:
        print("no netron: not looked at")
        return
    if shutil.which("node"):
        # Its reader is JavaScript, in modules that node takes for such only beside a package.json that says so.
        shutil.copytree(pathlib.Path(netron.__file__).parent, folder / "netron")
        (folder / "netron/package.json").write_text('{"type": "module"}')
        shutil.copy(ROOT / "tests/onnx/netron_read.mjs", folder / "netron")
        read = subprocess.run(["node", str(folder / "netron/netron_read.mjs"), *map(str, paths)], text=True,
                              capture_output=True)
        if read.returncode != 0 or len(read.stdout.splitlines()) != len(paths):
            sys.exit(f"netron's reader: {read.stdout}{read.stderr}")
        print(f"netron's reader opens {len(paths)} files")
    import logging
    import urllib.request
    logging.basicConfig(level=logging.WARNING)
    for path in paths:
        address = netron.serve(str(path), None, browse=False)
        url = f"http://{address[0]}:{address[1]}/data/{path.name}"
        with urllib.request.urlopen(url) as answer:
            if answer.read() != path.read_bytes():
                sys.exit(f"netron serves something else than {path}")
        netron.stop(address)
    print(f"netron serves {len(paths)} files")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin-dir", type=pathlib.Path, required=True)
    parser.add_argument("--keep", type=pathlib.Path, help="where the .onnx files stay")
    parser.add_argument("models", nargs="*")
    options = parser.parse_args()
    files = model_files()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        keep = (options.keep or folder / "onnx").resolve()
        keep.mkdir(parents=True, exist_ok=True)
        programs = folder / "programs"
        programs.mkdir()
        for program in ("gmc", "gmrun", "tests/function_arrays"):
            (programs / pathlib.Path(program).name).symlink_to((options.bin_dir / program).resolve())
        bench = Bench(programs, folder)
        rows = []
        for name in options.models or files:
            rows.append((name, *check_model(bench, files[name], keep)))
            for leftover in folder.glob(f"{name}*"):
                if leftover.name not in STAGES:
                    shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        check_netron(sorted(keep.glob("*.onnx")), folder)
        for name, (error, where), (of_step, of_result) in rows:
            print(f"{name:16} {error:.1e}  {where:44} {of_step:.1e}  {of_result}")
        bad = [name for name, (error, _), (of_step, _) in rows if error > MOST or of_step > MOST_OF_STEP]
        if bad:
            sys.exit(f"errors are too large: {', '.join(bad)}")
        print(f"{len(rows)} models: onnxruntime {onnxruntime.__version__} gives gmc's results")


if __name__ == "__main__":
    main()
