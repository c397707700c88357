#!/usr/bin/env python3
"""What part of the peak of the machine's cores training steps of Gorge reach, and scores of 10,000 rows.

    benchmarks/roofline.py [--rounds 20] [--cells realnvp/43,maf] [--cores 0,1]

In each round the register-only FMA loop runs on each of the cores at once, then the steps on all of them, then the loop again, each for a
fraction of a second: where others use the machine, its peak is another a second later. Prints a Markdown table: medians over rounds, of the
shares the quartiles, and what the least disturbed rounds come to: the highest rate beside the highest peak. What counts are the
multiplications and additions of matrix products that masks leave, with those by zeros behind a ReLU, which are left out. Nothing is written."""
import argparse, os, re, statistics, subprocess, tempfile

from memory import ROOT

CELLS = [(m, d, "TrainStep", "batch=512") for m, d in (("realnvp", 6), ("realnvp", 43), ("maf", 6), ("maf", 43), ("maf", 63), ("nsf-c", 6), ("nsf-c", 43),
                                                       ("nsf-ar", 6), ("nsf-ar", 43))] + [("realnvp", 43, "LogProb", "rows=10000")]


class Bench:
    """A benchmark on some cores, that has been started."""

    def __init__(self, binary, pattern, cores, seconds):
        self.process = subprocess.Popen([binary, "-test.run", "^$", "-test.bench", pattern, "-test.benchtime", "%gs" % seconds, "-test.cpu", str(len(cores))],
                                        stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores))

    def result(self):
        """Milliseconds and GFLOP/s."""
        text = self.process.communicate()[0]
        m = re.search(r"([\d.]+) ns/op.*?([\d.]+) GFLOP/s", text)
        if self.process.returncode or not m:
            raise SystemExit("benchmark failed: " + text[-500:])
        return float(m[1]) / 1e6, float(m[2])


def build(folder, package):
    binary = os.path.join(folder, os.path.basename(package) + ".test")
    subprocess.run(["go", "test", "-c", "-o", binary, package], cwd=ROOT, check=True)
    return binary


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=20)
    p.add_argument("--cells", default="", help="only cells whose name begins so; several by commas")
    p.add_argument("--cores", default="0,1", help="numbers of the cores, by commas")
    a = p.parse_args()
    if a.rounds < 2:
        p.error("--rounds %d: want two at least, for quartiles" % a.rounds)
    cores = {int(c) for c in a.cores.split(",")}
    print("| model | columns | measure | ms | GFLOP/s | peak | of the peak | quartiles | highest rate | highest peak | share |\n|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as d:
        steps, kernels = build(d, "./benchmarks"), build(d, "./graph/internal/kernel")

        def peak():
            loops = [Bench(kernels, "^BenchmarkKernel$/^peak$", {c}, 0.1) for c in cores]
            return sum(l.result()[1] for l in loops)

        for model, dim, what, size in CELLS:
            if a.cells and not any(("%s/%d" % (model, dim)).startswith(x) for x in a.cells.split(",")):
                continue
            rounds = []
            before = peak()
            for _ in range(a.rounds):
                ms, rate = Bench(steps, "^Benchmark%s$/^model=%s$/^dim=%d$/layers/hidden/^%s$" % (what, model, dim, size), cores, 0.2).result()
                after = peak()
                rounds.append((ms, rate, (before + after) / 2))
                before = after
            ms, rate, most = (statistics.median(x) for x in zip(*rounds))
            low, mid, high = statistics.quantiles([100 * r / top for _, r, top in rounds], n=4)
            best, top = max(r for _, r, _ in rounds), max(r for _, _, r in rounds)
            print("| %s | %d | %s, %s | %.3g | %.0f | %.0f | **%.0f %%** | %.0f … %.0f %% | %.0f | %.0f | **%.0f %%** |" % (
                model, dim, what, size, ms, rate, most, mid, low, high, best, top, 100 * best / top), flush=True)


if __name__ == "__main__":
    main()
