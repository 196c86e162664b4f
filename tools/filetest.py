#!/usr/bin/env python3
"""Runs file tests: one file holds the command, the input and the exact output.

See tests/filetest/README.md. Usage:

    tools/filetest.py [--bin-dir build] [--bless] [PATH ...]

PATH is a test file or a folder (default: tests/filetest). Exit code 0: all passed.
"""
import argparse
import difflib
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SUFFIXES = {".gmc", ".yaml", ".txt"}
BEGIN, END = "-- expected output --", "-- end --"
SECONDS_MOST = 900  # of a command that hangs: no command takes that long, on a busy machine neither


def run_line(line, folder, environment):
    """The output and the exit code. What the line started ends, too, when it takes too long."""
    with subprocess.Popen(["bash", "-c", line], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0) as process:
        try:
            output, _ = process.communicate(timeout=SECONDS_MOST)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return output.decode("utf-8", "surrogateescape"), process.returncode


class Test:
    """A test file, taken apart."""

    def __init__(self, path):
        self.path = path
        self.name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        # IR has // comments, everything else here has #.
        self.mark = "//" if path.suffix == ".gmc" else "#"
        head, found, rest = text.partition(f"{self.mark} {BEGIN}\n")
        self.input = head
        self.expected = rest.partition(f"{self.mark} {END}\n")[0] if found else None
        self.commands = self.directives("RUN")
        self.exit = int((self.directives("EXIT") or ["0"])[0])
        self.files = self.split_files()

    def directives(self, word):
        return re.findall(rf"^{re.escape(self.mark)} {word}: *(.*)$", self.input, re.M)

    def split_files(self):
        """Further files of the test: `# FILE: name` starts one, up to the next or the expected output."""
        parts = re.split(rf"^{re.escape(self.mark)} FILE: *(\S+)\n", self.input, flags=re.M)
        files = {self.path.name: parts[0]}
        files.update(zip(parts[1::2], parts[2::2]))
        return files

    def run(self, bin_dir):
        """Returns (output, exit code) of the commands, run in a folder of their own that holds the input. There is no
        folder for a cache, so nothing is measured (`gmrun train --help`), unless the test names one."""
        with tempfile.TemporaryDirectory(prefix="filetest-") as folder:
            for name, content in self.files.items():
                target = pathlib.Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.encode("utf-8", "surrogateescape"))
            environment = dict(os.environ, PATH=f"{bin_dir}{os.pathsep}{os.environ['PATH']}", LC_ALL="C.UTF-8",
                               XDG_CACHE_HOME="", HOME="")
            output, code = "", 0
            for command in self.commands:
                line = command.replace("%s", shlex.quote(self.path.name)).replace("%root", shlex.quote(str(ROOT)))
                text, code = run_line(line, folder, environment)
                output += text
                if code != 0:
                    break
            # What differs between machines: the source tree and the folder of the run.
            return output.replace(folder, "%folder").replace(str(ROOT), "%root"), code

    def bless(self, output):
        if output and not output.endswith("\n"):
            output += "\n"
        separator = "" if not self.input or self.input.endswith("\n") else "\n"
        text = f"{self.input}{separator}{self.mark} {BEGIN}\n{output}{self.mark} {END}\n"
        self.path.write_bytes(text.encode("utf-8", "surrogateescape"))


def find_tests(paths):
    found = []
    for path in paths:
        path = pathlib.Path(path).resolve()
        if path.is_dir():
            found += [p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file()]
        elif path.is_file():
            found.append(path)
        else:
            sys.exit(f"filetest: no such file or folder: {path}")
    return sorted(found)


def check(test, bin_dir, bless):
    """Runs one test; returns why it failed, or None."""
    if not test.commands:
        return "has no RUN line"
    try:
        output, code = test.run(bin_dir)
    except subprocess.TimeoutExpired:
        return f"took longer than {SECONDS_MOST} s"
    if code != test.exit:
        return f"exit code {code}, expected {test.exit}; output:\n{output}"
    if bless:
        if output != (test.expected or ""):
            print(f"blessed {test.name}")
            test.bless(output)
        elif test.expected is None:
            test.bless(output)
        return None
    if test.expected is None:
        return "has no expected output yet: run with --bless and look at what it writes"
    if output and not output.endswith("\n"):
        output += "\n"
    if output == test.expected:
        return None
    diff = difflib.unified_diff(test.expected.splitlines(True), output.splitlines(True), "expected", "actual")
    return "other output:\n" + "".join(diff)


def main():
    sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(description="runs file tests")
    parser.add_argument("paths", nargs="*", default=[str(ROOT / "tests/filetest")])
    parser.add_argument("--bin-dir", default=str(ROOT / "build"), help="where gmc and gmrun are")
    parser.add_argument("--bless", action="store_true", help="rewrites the expected output")
    parser.add_argument("--sanitized", action="store_true",
                        help="leaves out tests of `ulimit`: sanitizers take address space for themselves")
    options = parser.parse_args()
    bin_dir = pathlib.Path(options.bin_dir).resolve()
    if not (bin_dir / "gmc").exists():
        sys.exit(f"filetest: there is no gmc in {bin_dir}; build first, or give --bin-dir")
    failed, tests = 0, [Test(path) for path in find_tests(options.paths)]
    if options.sanitized:
        tests = [test for test in tests if "ulimit" not in test.input]
    for test in tests:
        why = check(test, bin_dir, options.bless)
        if why is None:
            continue
        failed += 1
        print(f"FAILED {test.name}: {why}")
        print(f"rerun: tools/filetest.py --bin-dir {options.bin_dir} {test.name}\n")
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
