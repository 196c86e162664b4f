#!/usr/bin/env python3
"""Checks a trace of `gmrun profile` against the Trace Event Format, and for what Perfetto refuses: its importer drops
events before time 0 and complete events that partly overlap another one of their thread.

Usage: check_trace.py TRACE    prints how many events each thread has, by its name; exit code 1 with the first problem
"""
import collections
import json
import sys

NUMBER = (int, float)
FIELDS = {"X": {"name": str, "cat": str, "ts": NUMBER, "dur": NUMBER, "pid": int, "tid": int},
          "M": {"name": str, "pid": int, "tid": int, "args": dict}}


def fail(what, event):
    sys.exit(f"{what}: {json.dumps(event)}")


def check_nesting(events):
    """Events of one thread in nanoseconds: each lies in the one it began in. Of two that begin together the outer one
    comes first, as the file has them."""
    around = []
    for event in sorted(events, key=lambda e: e["begin"]):
        while around and around[-1]["end"] <= event["begin"]:
            around.pop()
        if around and event["end"] > around[-1]["end"]:
            fail(f"overlaps `{around[-1]['name']}`, which ends at {around[-1]['end']} ns", event)
        around.append(event)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        trace = json.load(file)
    threads, names = collections.defaultdict(list), {}
    for event in trace["traceEvents"]:
        fields = FIELDS.get(event.get("ph"))
        if fields is None:
            fail("neither a complete event nor metadata", event)
        for name, kind in fields.items():
            if not isinstance(event.get(name), kind):
                fail(f"no {name}", event)
        thread = event["pid"], event["tid"]
        if event["ph"] == "M":
            if event["name"] == "thread_name":
                names[thread] = event["args"]["name"]
            continue
        if event["ts"] < 0 or event["dur"] < 0:
            fail("a negative time", event)
        # Of the microseconds that the format has; more digits than nanoseconds were not measured.
        event["begin"] = round(event["ts"] * 1000)
        event["end"] = event["begin"] + round(event["dur"] * 1000)
        if abs(event["ts"] * 1000 - event["begin"]) > 1e-3:
            fail("a fraction of a nanosecond", event)
        threads[thread].append(event)
    for thread, events in sorted(threads.items()):
        if thread not in names:
            fail("a thread without a name", events[0])
        check_nesting(events)
        print(names[thread], dict(collections.Counter(event["cat"] for event in events)))


main()
