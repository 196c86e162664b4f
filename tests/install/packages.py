#!/usr/bin/env python3
"""The packages install into bare trees of Debian 12 and Debian 13, and train, sample and export there.

Usage: tests/install/packages.py --build-dir build [--folder FOLDER]

Those of this machine's release are made of the build; those of Debian 13, on another machine, are built in a tree of
it first. Trees are made in FOLDER, by default a temporary one, and deleted at the end, also after a failure: 3 GB and,
beside the build in the tree, some minutes. Exit code 77: this needs root, debootstrap and a Debian machine.
"""
import argparse
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*words):
    if subprocess.run([str(word) for word in words]).returncode != 0:
        raise RuntimeError(" ".join(map(str, words)))


def check(release, build, folder):
    run(ROOT / "tools/check_packages", "--build", build, "--release", release, folder / release)
    if release != "trixie":
        run(ROOT / "tools/check_debian13", "--packages", folder / "debian13")
        run(ROOT / "tools/check_packages", "--packages", folder / "debian13/root/gmc/build/packages",
            "--release", "trixie", folder / "trixie")


def delete(folder):
    """Not while something is mounted in it: the files there would be deleted, too."""
    if f" {folder}/" in pathlib.Path("/proc/mounts").read_text():
        sys.exit(f"{folder} is not deleted: something is mounted in it")
    shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--folder", type=pathlib.Path)
    options = parser.parse_args()
    release = platform.freedesktop_os_release().get("VERSION_CODENAME")
    if os.getuid() != 0 or not shutil.which("debootstrap") or release not in ("bookworm", "trixie"):
        print("the packages are tried by root, with debootstrap, on Debian 12 or 13")
        sys.exit(77)
    folder = pathlib.Path(tempfile.mkdtemp(dir=options.folder)).resolve()
    try:
        check(release, options.build_dir.resolve(), folder)
    except RuntimeError as failed:
        sys.exit(f"failed: {failed}")
    finally:
        delete(folder)


if __name__ == "__main__":
    main()
