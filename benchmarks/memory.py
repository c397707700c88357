#!/usr/bin/env python3
"""Peak resident size of a training process for each cell of the grid, and the time to score a million rows of CSV.

    benchmarks/memory.py [--rows 20000] [--steps 60] [--csv-rows 1000000]

Builds the gorge command, writes random tables to a temporary directory and prints a Markdown table: MB of 10^6 bytes for the
architecture alone, for the same fit killed and resumed, and with the dropout and the averaged weights that are gorge train's default."""
import argparse, array, os, random, resource, signal, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CELLS = [("realnvp", 6, 10, "128,128"), ("realnvp", 43, 10, "512,512"), ("maf", 6, 5, "100,100"), ("maf", 43, 5, "512,512"), ("maf", 63, 10, "512,512"),
         ("nsf", 6, 10, "256"), ("nsf", 43, 10, "64"), ("nsf-ar", 6, 10, "256"), ("nsf-ar", 43, 10, "64")]
PLAIN = ["--dropout", "0", "--ema", "0"]


def numbers(rows, cols):
    """Row by row: a child's peak is at least what this process has when it starts the child."""
    rng = random.Random(1)
    for _ in range(rows):
        yield ["%.6g" % rng.gauss(0, 1) for _ in range(cols)]


def table(path, rows, cols):
    with open(path, "w") as f:
        f.write(",".join("c%d" % i for i in range(cols)) + "\n")
        for row in numbers(rows, cols):
            f.write(",".join(row) + "\n")


def npy(path, rows, cols):
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }" % (rows, cols)
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117).encode() + b"\n")
        for row in numbers(rows, cols):
            f.write(array.array("d", map(float, row)).tobytes())


def run(*cmd):
    """Seconds, peak resident MB and seconds of processor time."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.time()
    p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = p.stderr.read().decode()
    _, status, usage = os.wait4(p.pid, 0)
    if status:
        sys.exit("%s: %s" % (" ".join(cmd), error))
    if usage.ru_maxrss <= own:
        sys.exit("%s: took less than this script, %d KiB, so that its peak is not known" % (" ".join(cmd), own))
    return time.time() - begin, usage.ru_maxrss * 1024 / 1e6, usage.ru_utime + usage.ru_stime


def killed(out, *cmd):
    """Kills a fit when there is a checkpoint."""
    p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while p.poll() is None and not os.path.exists(os.path.join(out, "checkpoint.safetensors")):
        time.sleep(0.01)
    p.send_signal(signal.SIGKILL)
    p.wait()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rows", type=int, default=20000)
    p.add_argument("--steps", type=int, default=60)
    p.add_argument("--csv-rows", type=int, default=1000000)
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as d:
        gorge = os.path.join(d, "gorge")
        subprocess.run(["go", "build", "-o", gorge, "./cmd/gorge"], cwd=ROOT, check=True)
        print("| model | columns | layers | hidden | peak resident, MB | resumed | with dropout and averaged weights |\n|---|---|---|---|---|---|---|")
        for model, cols, layers, hidden in CELLS:
            data, out = os.path.join(d, "%d.csv" % cols), os.path.join(d, "%s-%d" % (model, cols))
            if not os.path.exists(data):
                table(data, a.rows, cols)
            train = [gorge, "train", "--data", data, "--model", model, "--layers", str(layers), "--hidden", hidden, "--batch", "512",
                     "--steps", str(a.steps), "--checkpoint", str(a.steps // 3)]
            plain, usual = run(*train, *PLAIN, "--out", out)[1], run(*train, "--dropout", "0.2", "--ema", "0.999", "--out", out + "-usual")[1]
            killed(out + "-killed", *train, *PLAIN, "--out", out + "-killed")
            resumed = run(gorge, "train", "--resume", out + "-killed")[1]
            print("| %s | %d | %d | %s | %.0f | %.0f | %.0f |" % (model, cols, layers, hidden, plain, resumed, usual), flush=True)
        if a.csv_rows:
            out = os.path.join(d, "default")
            table(os.path.join(d, "8.csv"), a.rows, 8)
            run(gorge, "train", "--data", os.path.join(d, "8.csv"), "--steps", str(a.steps), "--out", out)
            for kind, write in ("csv", table), ("npy", npy):
                big = os.path.join(d, "big." + kind)
                write(big, a.csv_rows, 8)
                wall, mb, cpu = run(gorge, "score", os.path.join(out, "model.safetensors"), big, "--out", os.path.join(d, "scores." + kind))
                print("\n%d rows of .%s, 8 columns, default model: %.2f s (%.2f s of all cores), %.0f MB" % (a.csv_rows, kind, wall, cpu, mb), flush=True)


if __name__ == "__main__":
    main()
