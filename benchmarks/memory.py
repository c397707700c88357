#!/usr/bin/env python3
"""Peak resident size of a training process for each cell of the grid, and the time to score a million rows of CSV.

    benchmarks/memory.py [--rows 20000] [--csv-rows 1000000]

Builds the gorge command, writes random tables to a temporary directory and prints a Markdown table."""
import argparse, os, random, resource, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CELLS = [("realnvp", 6, 10, "128,128"), ("realnvp", 43, 10, "512,512"), ("maf", 6, 5, "100,100"), ("maf", 43, 5, "512,512"), ("maf", 63, 10, "512,512"),
         ("nsf", 6, 10, "256"), ("nsf", 43, 10, "64"), ("nsf-ar", 6, 10, "256"), ("nsf-ar", 43, 10, "64")]


def table(path, rows, cols):
    rng = random.Random(1)
    some = [",".join("%.6g" % rng.gauss(0, 1) for _ in range(cols)) for _ in range(min(rows, 20000))]
    with open(path, "w") as f:
        f.write(",".join("c%d" % i for i in range(cols)) + "\n")
        for i in range(rows):
            f.write(some[i % len(some)] + "\n")


def run(*cmd):
    begin = time.time()
    p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = p.stderr.read().decode()
    _, status, usage = os.wait4(p.pid, 0)
    if status:
        sys.exit("%s: %s" % (" ".join(cmd), error))
    return time.time() - begin, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rows", type=int, default=20000)
    p.add_argument("--csv-rows", type=int, default=1000000)
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as d:
        gorge = os.path.join(d, "gorge")
        subprocess.run(["go", "build", "-o", gorge, "./cmd/gorge"], cwd=ROOT, check=True)
        print("| model | columns | layers | hidden | peak resident, MB |\n|---|---|---|---|---|")
        for model, cols, layers, hidden in CELLS:
            data = os.path.join(d, "%d.csv" % cols)
            if not os.path.exists(data):
                table(data, a.rows, cols)
            _, mb, _ = run(gorge, "train", "--data", data, "--model", model, "--layers", str(layers), "--hidden", hidden, "--batch", "512",
                           "--steps", "60", "--out", os.path.join(d, "%s-%d" % (model, cols)))
            print("| %s | %d | %d | %s | %.0f |" % (model, cols, layers, hidden, mb), flush=True)
        if a.csv_rows:
            big, model = os.path.join(d, "big.csv"), os.path.join(d, "default")
            table(os.path.join(d, "8.csv"), a.rows, 8)
            run(gorge, "train", "--data", os.path.join(d, "8.csv"), "--steps", "60", "--out", model)
            for rows in (a.csv_rows // 10, a.csv_rows):
                table(big, rows, 8)
                wall, mb, cpu = run(gorge, "score", os.path.join(model, "model.safetensors"), big, "--out", os.path.join(d, "scores.csv"))
                print("\n%d rows of CSV, 8 columns, default model: %.2f s (%.2f s of two cores), %.0f MB" % (rows, wall, cpu, mb), flush=True)


if __name__ == "__main__":
    main()
