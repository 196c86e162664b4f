#!/usr/bin/env python3
"""Two builds of one tree in two folders, whose names differ in length, give the same packages, byte by byte.

Usage: tests/install/same_bytes.py [--keep FOLDER] [--ccache] [--against BUILD]

The files that git knows (or all, in a tree without git) are copied twice, configured, built and packed. This is done
without ccache, which would give the second build the objects of the first; --ccache allows it, and what is compared is
then only how they are linked and packed. --against takes a build of these sources that is there in place of the first,
which halves the time. SOURCE_DATE_EPOCH is set, as whoever builds packages sets it: the packages of Debian hold the
times of files.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDERS = ("a", "another/folder of a longer name")
TARGETS = ("gmc", "gmrun", "libgmc", "gmc_pages")


def source_files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return listed.stdout.splitlines()
    paths = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
    return [str(path) for path in paths if not path.parts[0].startswith("build")]


def run(words, environment, **options):
    words = [str(word) for word in words]
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}\n{done.stdout[-4000:]}")


def copy_sources(folder, version):
    for name in source_files():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / "VERSION").write_text(version + "\n")


def build(folder, environment):
    run(["cmake", "--preset", "release"], environment, cwd=folder)
    run(["ninja", "-C", folder / "build", *TARGETS], environment)


def packages(build_folder, folder, environment):
    """The packages of a build by name, made in `folder`; it is built first, unless it is there."""
    if not build_folder.exists():
        build(build_folder.parent, environment)
    run(["cpack", "-G", "DEB", "-B", folder], environment, cwd=build_folder)
    return {path.name: path for path in sorted(folder.glob("*.deb"))}


def commit_of(build_folder):
    """As the programs of a build say it."""
    said = subprocess.run([build_folder / "gmc", "--version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"\((\S+)\)", said)[1]


def files_in(package, folder):
    """The contents of a package's files, and of what it says of itself, by path."""
    run(["dpkg-deb", "--raw-extract", package, folder], dict(os.environ))
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def differences(one, other, folder):
    """Which files of two packages differ."""
    with tempfile.TemporaryDirectory(dir=folder) as a, tempfile.TemporaryDirectory(dir=folder) as b:
        here, there = files_in(one, pathlib.Path(a)), files_in(other, pathlib.Path(b))
    return sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--ccache", action="store_true")
    parser.add_argument("--against", type=pathlib.Path, metavar="BUILD")
    options = parser.parse_args()
    environment = dict(os.environ, SOURCE_DATE_EPOCH="1700000000")
    if not options.ccache:
        environment["CCACHE_DISABLE"] = "1"
    with tempfile.TemporaryDirectory() as temporary:
        top = options.keep or pathlib.Path(temporary)
        builds = [top / folder / "build" for folder in FOLDERS]
        if options.against:
            builds[0] = options.against.resolve()
        version = commit_of(options.against) if options.against else "0123456789ab"
        for folder in builds[1 if options.against else 0:]:
            copy_sources(folder.parent, version)
        first, second = (packages(folder, top / f"packages{i}", environment) for i, folder in enumerate(builds))
        if not first or first.keys() != second.keys():
            sys.exit(f"the packages are {list(first)} and {list(second)}")
        differ = False
        for name, one in first.items():
            same = one.read_bytes() == second[name].read_bytes()
            differ = differ or not same
            print(f"{name}: {one.stat().st_size} bytes, {'the same' if same else 'they differ'}")
            if not same:
                print(f"  in {', '.join(differences(one, second[name], top)) or 'order, times or owners of files'}")
        sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
