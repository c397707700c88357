#!/usr/bin/env python3
"""Times training and scoring of a RealNVP of ten couplings by size, Gorge and the two fastest of the others in turns, and
draws benchmarks/scale.png: rows per second against batch, columns and hidden width.

    benchmarks/peers/setup.sh
    benchmarks/peers/scale.py

Each axis varies one size, the other two stay at the centre. Results are added to scale.jsonl as they come: a run that was
cut short goes on where it was left. Every turn of a peer follows one of Gorge; of several rounds the plot has the medians."""
import argparse, json, os, re, statistics, subprocess, sys, tempfile

from compare import HERE, ROOT, add, build, machine, replace, run_ours, run_theirs

LAYERS = 10
CENTRE = {"batch": 512, "columns": 16, "hidden": 128}
AXES = {"batch": [32, 128, 512, 2048, 8192], "columns": [2, 4, 8, 16, 32, 64, 128, 256], "hidden": [16, 32, 64, 128, 256, 512, 1024]}
PEERS = ["flowjax", "torchraw+compile"]
MEASURES = {"train_step": "TrainStep", "log_prob": "LogProb"}
LOOKS = {"gorge": ("Gorge", "#0060a8", "o", 2.6), "flowjax": ("flowjax (JAX)", "#d9730d", "s", 1.6),
         "torchraw+compile": ("hand-written PyTorch, torch.compile", "#4c9a5f", "^", 1.6)}
LABELS = {"batch": "batch, rows", "columns": "columns", "hidden": "hidden width, units"}
SIZES = {"batch": "%d rows", "columns": "%d columns", "hidden": "%d hidden units"}


def points():
    """Axis and sizes of every point, the centre once."""
    for axis, values in AXES.items():
        for v in values:
            if v != CENTRE[axis] or axis == "batch":
                yield axis, dict(CENTRE, **{axis: v})


def takes(peer, axis, at):
    """Compiling takes half a minute a point: every second one from the centre, and the largest."""
    values = AXES[axis]
    i = values.index(at[axis])
    return "+compile" not in peer or (i - values.index(CENTRE[axis])) % 2 == 0 or i == len(values) - 1


def ours(binary, axis, at, out, rnd, seconds):
    pattern = "^BenchmarkScale(TrainStep|LogProb)$/^axis=%s$/^model=realnvp$/^dim=%d$/^layers=%d$/^hidden=%d$/^batch=%d$" % (
        axis, at["columns"], LAYERS, at["hidden"], at["batch"])
    found = {}
    for line in run_ours(binary, pattern, seconds / 5, 5):
        m = re.match(r"BenchmarkScale(\w+)/\S+\s+\d+\s+([\d.]+) ns/op", line)
        if m:
            found.setdefault(m[1], []).append(float(m[2]) / 1e6)
    for measure, bench in MEASURES.items():
        if bench not in found:
            sys.exit("scale.py: scale_test.go has no benchmark Scale%s of %s" % (bench, at))
        add(out, **at, lib="gorge", measure=measure, ms=statistics.median(found[bench]), round=rnd)


def theirs(python, peer, at, out, rnd, budget):
    found, error = run_theirs(python, peer, budget, "--model", "realnvp", "--dim", at["columns"], "--layers", LAYERS, "--hidden", at["hidden"],
                              "--batch", at["batch"], "--lp-batches", at["batch"], "--measures", "train,logprob")
    for d in found:
        add(out, **at, lib=peer, measure=d["measure"], ms=d["ms"], noisy=d["noisy"], round=rnd)
    if not found:
        add(out, **at, lib=peer, measure="failed", ms=None, error=error, round=rnd)


def run(a):
    done = set()
    if os.path.exists(a.results):
        done = {key(x, x["lib"], x["round"]) for x in map(json.loads, open(a.results))}
    with tempfile.TemporaryDirectory() as d:
        binary = build(d)
        for rnd in range(1, a.rounds + 1):
            for axis, at in points():
                if a.points and "%s=%d" % (axis, at[axis]) not in a.points.split(","):
                    continue
                for peer in a.peers.split(","):
                    if takes(peer, axis, at) and key(at, peer, rnd) not in done:
                        ours(binary, axis, at, a.results, rnd, a.budget)
                        theirs(a.python, peer, at, a.results, rnd, a.budget)


def key(at, *more):
    return tuple(at[k] for k in CENTRE) + more


def speeds(path):
    """Rows per second, the median over the rounds, by sizes, library and measure."""
    times = {}
    for d in map(json.loads, open(path)):
        if d["ms"] is not None:
            times.setdefault(key(d, d["lib"], d["measure"]), []).append(d["ms"])
    return {k: k[0] / statistics.median(v) * 1e3 for k, v in times.items()}


def panel(ax, speed, axis, measure):
    for lib, (label, colour, marker, width) in reversed(LOOKS.items()):  # Gorge on top
        line = [(v, speed.get(key(dict(CENTRE, **{axis: v}), lib, measure))) for v in AXES[axis]]
        line = [p for p in line if p[1] is not None]
        ax.plot(*zip(*line) if line else ([], []), color=colour, marker=marker, linewidth=width, markersize=6, label=label)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xlim(AXES[axis][0] / 1.25, AXES[axis][-1] * 1.25)
    ax.set_xticks(AXES[axis], map(str, AXES[axis]))
    ax.axvline(CENTRE[axis], color="#555555", linewidth=1.3, linestyle=":", zorder=0.9)
    ax.grid(which="major", color="#d5d5d5", linewidth=0.7)
    ax.grid(which="minor", axis="y", color="#eeeeee", linewidth=0.5)
    ax.set_axisbelow(True)


def plot(results, picture):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker
    speed = speeds(results)
    fig, rows = pyplot.subplots(2, len(AXES), figsize=(12, 7.2), sharex="col", sharey="row", layout="constrained")
    for row, (measure, what) in zip(rows, (("train_step", "training"), ("log_prob", "scoring (log_prob)"))):
        for ax, axis in zip(row, AXES):
            panel(ax, speed, axis, measure)
        row[0].set_ylabel("%s, rows per second" % what, fontsize=11)
        row[0].yaxis.set_major_formatter(ticker.EngFormatter(sep=" "))
        row[0].yaxis.set_minor_formatter(ticker.NullFormatter())
    for ax, axis in zip(rows[0], AXES):
        ax.set_title(", ".join(SIZES[k] % v for k, v in CENTRE.items() if k != axis), fontsize=10, color="#444444")
    for ax, axis in zip(rows[-1], AXES):
        ax.set_xlabel(LABELS[axis], fontsize=11)
    handles, labels = rows[0][0].get_legend_handles_labels()
    fig.legend(handles[::-1], labels[::-1], loc="outside upper center", ncols=len(LOOKS), frameon=False, fontsize=11)
    fig.savefig(picture, dpi=110, metadata={"Software": None})


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--python", default=os.path.join(HERE, ".venv", "bin", "python"), help="of the virtual environment")
    p.add_argument("--points", default="", help="only these, for instance batch=32,hidden=1024")
    p.add_argument("--peers", default=",".join(PEERS), help="only these, by commas")
    p.add_argument("--budget", type=float, default=1, help="seconds for one measure")
    p.add_argument("--results", default=os.path.join(HERE, "scale.jsonl"))
    p.add_argument("--plot-only", action="store_true")
    a = p.parse_args()
    if not a.plot_only:
        run(a)
    subprocess.run([a.python, "-c", "import sys, scale; scale.plot(*sys.argv[1:])", os.path.abspath(a.results), os.path.join(ROOT, "benchmarks", "scale.png")],
                   cwd=HERE, check=True)  # there is matplotlib
    replace("<!-- scale -->", "<!-- end of scale -->", "![Rows per second against batch, columns and hidden width](scale.png)\n\n" + machine(["nflows", "zuko", "normflows"]))


if __name__ == "__main__":
    main()
