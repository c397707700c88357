#!/usr/bin/env python3
"""Time from the start of the process to the first optimiser step of gorge train.

    benchmarks/start.py [--runs 9] [--rows 20000]

Builds the gorge command and prints a Markdown table: milliseconds until the line of step 1 is there, median and least of the runs,
and the processor time of all cores until then. --inits prints the packages whose initialisation takes longest."""
import argparse, os, statistics, subprocess, tempfile, time

from memory import ROOT, table


def once(cmd):
    begin = time.perf_counter()
    p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for line in p.stderr:
        if line.startswith(b"step 1"):
            wall = time.perf_counter() - begin
            break
    with open("/proc/%d/stat" % p.pid) as f:
        stat = f.read().rsplit(")", 1)[1].split()
    p.kill()
    p.communicate()
    return 1e3 * wall, 1e3 * (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def inits(gorge):
    p = subprocess.run([gorge, "models"], env=dict(os.environ, GODEBUG="inittrace=1"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found = [(float(w[4]), w[1]) for w in (l.split() for l in p.stderr.splitlines()) if w[:1] == ["init"]]
    print("\ninitialisation of packages: %.1f ms; the longest:" % sum(t for t, _ in found))
    for t, name in sorted(found, reverse=True)[:8]:
        print("%8.2f ms  %s" % (t, name))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--runs", type=int, default=9)
    p.add_argument("--rows", type=int, default=20000)
    p.add_argument("--inits", action="store_true")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as d:
        gorge, data = os.path.join(d, "gorge"), os.path.join(d, "6.csv")
        subprocess.run(["go", "build", "-o", gorge, "./cmd/gorge"], cwd=ROOT, check=True)
        table(data, a.rows, 6)
        print("| | median, ms | least, ms | processor time, ms |\n|---|---|---|---|")
        for name, args in (("two moons", []), ("%d rows of 6 columns, CSV" % a.rows, ["--data", data])):
            runs = [once([gorge, "train", *args, "--out", os.path.join(d, "run")]) for _ in range(a.runs)]
            wall, cpu = [w for w, _ in runs], [c for _, c in runs]
            print("| %s | %.0f | %.0f | %.0f |" % (name, statistics.median(wall), min(wall), statistics.median(cpu)), flush=True)
        if a.inits:
            inits(gorge)


if __name__ == "__main__":
    main()
