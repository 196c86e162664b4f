#!/usr/bin/env python3
"""Installs a build into a temporary prefix and uses it as a stranger would: with CMake, pkg-config and Python.

Usage: tests/install/install.py --build-dir build

Builds the examples of runtime/library against the installed tree, and compares what they print with
`gmrun sample`. Exit code 0: all is well.
"""
import argparse
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "runtime/library/examples"
MODEL = """model: ring
data: {point: {synthetic: ring, count: 2560}}
networks:
  decoder: {inputs: {z: [4]}, layers: [dense: {units: 16, activation: relu}, dense: 2]}
  encoder: {inputs: {x: data.point}, layers: [dense: {units: 16, activation: relu}, dense: 4]}
objective:
  minimize: [{networks: [encoder, decoder], loss: "mean(sum((decoder(encoder(point)) - point)^2))"}]
  functions: {sample(z): decoder(z), encode(point): encoder(point)}
train: {batch_size: 32, epochs: 1}
"""


def run(*words, **options):
    words = [str(word) for word in words]
    done = subprocess.run(words, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def same(what, printed, expected):
    """Numbers printed with six digits."""
    found = [float(line) for line in printed.split()]
    if len(found) != len(expected) or any(abs(a - b) > 1e-5 * max(1, abs(b)) for a, b in zip(found, expected)):
        sys.exit(f"{what} prints {found}, not {expected}")
    print(f"{what}: as gmrun")


def npy_floats(path):
    data = path.read_bytes()
    begin = 10 + struct.unpack("<H", data[8:10])[0]
    return [number for number, in struct.iter_unpack("<f", data[begin:])]


def check_parses(prefix):
    """Man pages and completion, by what reads them, as far as it is installed."""
    man = prefix / "share/man/man1/gmrun.1.gz"
    if shutil.which("man"):
        environment = dict(os.environ, MANROFFSEQ="", LC_ALL="C.UTF-8", MANWIDTH="100")
        done = subprocess.run(["man", "--warnings=all", "-l", man], capture_output=True, text=True, env=environment)
        if done.returncode != 0 or done.stderr or "gmrun sample" not in done.stdout:
            sys.exit(f"man -l {man}: {done.stderr or 'not the page'}")
        print("man: parses")
    for shell, words, path in [("bash", ["-n"], "bash-completion/completions/gmrun"),
                               ("zsh", ["-n"], "zsh/vendor-completions/_gmrun"),
                               ("fish", ["--no-execute"], "fish/vendor_completions.d/gmrun.fish")]:
        if not shutil.which(shell):
            print(f"{shell}: is not installed, its completion is not tried")
            continue
        run(shell, *words, prefix / "share" / path)
        print(f"{shell}: parses")
    script = (f"source {prefix}/share/bash-completion/completions/gmrun; "
              "COMP_WORDS=(gmrun sam); COMP_CWORD=1; _gmrun; echo ${COMPREPLY[@]}; "
              "COMP_WORDS=(gmrun sample --cou); COMP_CWORD=2; _gmrun; echo ${COMPREPLY[@]}")
    if run("bash", "-c", script).split() != ["sample", "--count"]:
        sys.exit("bash completes something else")
    script = (f"source {prefix}/share/bash-completion/completions/gmc; "
              "COMP_WORDS=(gmc dump --stage p); COMP_CWORD=3; _gmc; echo ${COMPREPLY[@]}; "
              "COMP_WORDS=(gmc dump --format lo); COMP_CWORD=3; _gmc; echo ${COMPREPLY[@]}")
    if run("bash", "-c", script).split() != ["plan", "loops"]:
        sys.exit("bash does not complete the words of `gmc dump`")


def check_symbols(library):
    names = [line.split()[-1].split("@")[0] for line in run("nm", "-D", "--defined-only", library).splitlines()]
    strange = [name for name in names if not name.startswith("gmc_")]
    if strange:
        sys.exit(f"{library} shows symbols that are not gmc_*: {strange[:10]}")
    print(f"{len(names)} symbols, all gmc_*")


def check_links(pages):
    """Links of the installed pages lead to files and headings that are installed, too."""
    count = 0
    for page in sorted(pages.rglob("*.md")):
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            count += 1
            path, _, heading = link.partition("#")
            target = page.parent / path if path else page
            if link.startswith("http"):
                continue
            if not target.exists():
                sys.exit(f"{page.relative_to(pages)}: there is no {link}")
            names = [line.lstrip("# ").lower().replace(" ", "-") for line in target.read_text().splitlines()
                     if line.startswith("#")] if heading else []
            if heading and heading not in names:
                sys.exit(f"{page.relative_to(pages)}: {path} has no heading {heading}")
    empty = [folder for folder in pages.rglob("*") if folder.is_dir() and not any(folder.iterdir())]
    if empty or count < 5 or "tools/" in (pages / "README.md").read_text():
        sys.exit(f"the pages are not whole: {count} links; empty folders {empty}")
    processes = (pages / "runtime/processes/README.md").read_text()
    named = set(re.findall(r"starting/[\w.]+", processes))
    if len(named) < 3 or not all((pages / "runtime/processes" / name).exists() for name in named) \
            or "| `transport` |" in processes:
        sys.exit(f"the page about many machines names {named}, or files of the sources")
    print(f"{count} links of pages")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build")
    build = parser.parse_args().build_dir.resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        prefix = folder / "prefix"
        run("cmake", "--install", build, "--prefix", prefix)
        libraries = next(prefix.glob("lib*/**/libgmc.so")).parent
        gmrun = prefix / "bin/gmrun"
        (folder / "ring.yaml").write_text(MODEL)
        run(prefix / "bin/gmc", "compile", "ring.yaml", cwd=folder)
        run(gmrun, "train", "ring.gmc", "--quiet", "--steps", "20", "--run", "run", "--samples", "0", cwd=folder)
        run(gmrun, "sample", "run", "--count", "1", "-o", "one.npy", cwd=folder)
        expected = npy_floats(folder / "one.npy")
        check_links(prefix / "share/doc/gmc")
        # A recipe is found from the installed tree.
        run(prefix / "bin/gmc", "check", prefix / "share/gmc/models/vae_mlp.yaml",
            "--set", "data.image.shape=[28,28,1]", "--set", "data.test.image.shape=[28,28,1]", cwd=folder)

        run("cmake", "-S", EXAMPLES, "-B", folder / "examples", f"-DCMAKE_PREFIX_PATH={prefix}")
        run("cmake", "--build", folder / "examples")
        for program in ("sample_c", "sample_cpp"):
            same(program, run(folder / "examples" / program, folder / "run"), expected)
        paths = dict(os.environ, PKG_CONFIG_PATH=str(libraries / "pkgconfig"), LD_LIBRARY_PATH=str(libraries))
        flags = run("pkg-config", "--cflags", "--libs", "gmc", env=paths).split()
        run("cc", EXAMPLES / "sample.c", "-Wall", "-Wextra", "-Werror", "-o", folder / "by_pkg_config", *flags)
        same("pkg-config", run(folder / "by_pkg_config", folder / "run", env=paths), expected)
        check_symbols(libraries / "libgmc.so")
        check_parses(prefix)
        if subprocess.run([sys.executable, "-c", "import numpy"], capture_output=True).returncode != 0:
            print("Python: there is no numpy, so gmc.py is not tried")
            return
        python = dict(os.environ, PYTHONPATH=str(next(prefix.glob("lib/**/gmc.py")).parent))
        same("sample.py", run(sys.executable, EXAMPLES / "sample.py", folder / "run", env=python), expected)
        print(run(sys.executable, ROOT / "tests/install/module.py", folder / "run", env=python), end="")


if __name__ == "__main__":
    main()
