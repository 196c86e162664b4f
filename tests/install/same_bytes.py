#!/usr/bin/env python3
"""Two builds of one tree in two folders, whose names differ in length, give the same programs and the same library.

Usage: tests/install/same_bytes.py [--keep FOLDER] [--ccache]

The files that git knows (or all, in a tree without git) are copied twice, configured and built without ccache, whose
second build would be the first one's objects; --ccache allows it, which then checks what links them only.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDERS = ("a", "another/folder of a longer name")
TARGETS = {"gmc": "gmc", "gmrun": "gmrun", "libgmc": "runtime/library/libgmc.so"}


def source_files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return listed.stdout.splitlines()
    paths = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
    return [str(path) for path in paths if not path.parts[0].startswith("build")]


def run(words, environment):
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout[-4000:]}")


def build(folder, environment):
    for name in source_files():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / "VERSION").write_text("0123456789ab\n")
    run(["cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"], environment)
    run(["ninja", "-C", folder / "build", *TARGETS], environment)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--ccache", action="store_true")
    options = parser.parse_args()
    environment = dict(os.environ) if options.ccache else dict(os.environ, CCACHE_DISABLE="1")
    with tempfile.TemporaryDirectory() as temporary:
        top = options.keep or pathlib.Path(temporary)
        for folder in FOLDERS:
            build(top / folder, environment)
        differ = False
        for target, file in TARGETS.items():
            one, other = ((top / folder / "build" / file).read_bytes() for folder in FOLDERS)
            count = sum(a != b for a, b in zip(one, other)) + abs(len(one) - len(other))
            print(f"{file}: {len(one)} bytes, {count} of them differ")
            differ = differ or count > 0
        sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
