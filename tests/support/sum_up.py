#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Adds up what all test programs printed: `N passed, N failed, N skipped`, as the last line.

Called by tests/run with the list of tests that should have run and Meson's log folder. Counts test
cases, not programs. A program that crashed, ran out of time or printed no doctest summary counts as
one failed, as does one that is in the list and not in the log. Exits 0 only if none failed and at
least one passed: a run that tested nothing must not look green.
"""
import glob
import json
import re
import sys

SUMMARY = re.compile(
    r"\[doctest\] test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|")
SKIP = re.compile(r"^\[skip\] (.*)$", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def failed_cases(text):
    """Names of the test cases that failed: doctest prints one ruled block for each bad assertion."""
    names = []
    for block in re.split(r"^={20,}$", text, flags=re.MULTILINE)[1:]:
        name = re.search(r"^TEST CASE:\s*(.*)$", block, re.MULTILINE)
        if name and re.search(r"ERROR: |FATAL ERROR: |Should have failed|didn't fail", block):
            if name.group(1) not in names:
                names.append(name.group(1))
    return names


def read_log(folder):
    """Yields one record for each test program; a torn line becomes a failed record."""
    for path in glob.glob(folder + "/testlog*.json"):
        with open(path, encoding="utf-8", errors="replace") as log:
            for line in log:
                try:
                    yield json.loads(line)
                except ValueError:
                    yield {"name": "(a torn line in Meson's log)", "result": "ERROR"}


def judge(record):
    """(passed, failed, skipped, lines to print) of one program."""
    name = bare(record.get("name", "?"))
    result = record.get("result", "ERROR")
    text = COLOUR.sub("", record.get("stdout") or "")
    if result == "SKIP":
        return 0, 0, 1, [f"skipped: {name}: the whole program"]
    skips = SKIP.findall(text)
    lines = [f"skipped: {name}: {skip}" for skip in skips]
    summaries = SUMMARY.findall(text)
    if not summaries:
        return 0, 1, len(skips), lines + [f"FAILED: {name}: no test summary ({result})"]
    # What doctest itself calls skipped are the cases of the program's other files.
    cases, passed, failed = (sum(int(s[i]) for s in summaries) for i in range(3))
    if cases == 0:
        return 0, 1, 0, [f"FAILED: {name}: there are no test cases in it"]
    lines += [f"FAILED: {name}: {case}" for case in failed_cases(text)]
    if result not in ("OK", "EXPECTEDFAIL") and failed == 0:
        # A leak report or a crash on the way out, after every case had passed.
        failed = 1
        lines.append(f"FAILED: {name}: {result} (status {record.get('returncode')}) after its summary")
    elif failed and not any(line.startswith("FAILED") for line in lines):
        lines.append(f"FAILED: {name}: {failed} case(s)")
    return max(passed - len(skips), 0), failed, len(skips), lines


def bare(name):
    """Without the suites that Meson puts before it where there are several: `weft:fiber / x_test`."""
    return name.split(" / ")[-1].strip()


def main():
    with open(sys.argv[1], encoding="utf-8") as wanted:
        missing = [bare(line) for line in wanted if line.strip() and not line.startswith("ninja:")]
    passed = failed = skipped = 0
    for record in read_log(sys.argv[2]):
        if bare(record.get("name", "")) in missing:
            missing.remove(bare(record["name"]))
        p, f, s, lines = judge(record)
        passed, failed, skipped = passed + p, failed + f, skipped + s
        for line in lines:
            print(line)
    for name in missing:
        failed += 1
        print(f"FAILED: {name}: did not run")
    if passed + failed + skipped == 0:
        print("no test ran")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if failed == 0 and passed > 0 else 1


sys.exit(main())
