"""The normal distribution function to 40 digits, with mpmath 1.3.

    python3 normal.py table > normal.txt    values that the tests compare with
    python3 normal.py terms                 the polynomials of normal.go and _asm/normal.go

N(t) is Phi(-t) exp(t^2/2): between 1/2 and 1/(t sqrt(2 pi)) for t >= 0. The hazard of
x is phi(x)/Phi(x), its excess what it is above -x: between sqrt(2/pi) and 1/t at x = -t.
"""
import random
import struct
import sys

from mpmath import cos, erfc, erfinv, exp, expm1, lu_solve, log, matrix, mp, mpf, pi, polyval, sqrt

mp.dps = 40


def N(t):
    t = mpf(t)
    if t > 40:  # the asymptotic series
        total, term = mpf(0), mpf(1)
        for k in range(25):
            total, term = total + term, -term * (2 * k + 1) / t**2
        return total / t / sqrt(2 * pi)
    with mp.workdps(60 + int(t * t / 4)):
        return exp(t * t / 2) * erfc(t / sqrt(mpf(2))) / 2


def log_cdf(x):
    if x <= 0:
        return log(N(-x)) - x * x / 2
    with mp.workdps(60 + int(x * x / 4)):
        return mp.log1p(-exp(-x * x / 2) * N(x))


def hazard(x):
    if x <= 0:
        return 1 / (sqrt(2 * pi) * N(-x))
    return exp(-x * x / 2 - log_cdf(x)) / sqrt(2 * pi)


def excess(x):
    with mp.workdps(80):
        return mpf(x) + hazard(x)


def lower(l):
    """t > 0 with log Phi(-t) = l, by Newton's method."""
    t = sqrt(-2 * l)
    if l < -3:
        t = sqrt(-2 * l - log(-4 * pi * l))
    for _ in range(80):
        step = (log(N(t)) - t * t / 2 - l) * sqrt(2 * pi) * N(t)
        t += step
        if abs(step) < mpf(10) ** -36 * abs(t):
            return t
    raise ArithmeticError(l)


def quantile(l):
    l = mpf(l)
    with mp.workdps(60):
        center = exp(l) * 2 - 1
        if abs(center) < 0.5:
            return sqrt(mpf(2)) * erfinv(center)
        upper = log(-expm1(l))
    return -lower(l) if l < -0.7 else lower(upper)


def interpolate(f, lo, hi, n):
    """f on [lo, hi] at n Chebyshev nodes, in powers of x."""
    lo, hi = mpf(lo), mpf(hi)
    xs = [(lo + hi) / 2 + (hi - lo) / 2 * cos(pi * (k + mpf(1) / 2) / n) for k in range(n)]
    a, b = matrix(n, n), matrix(n, 1)
    for i, x in enumerate(xs):
        b[i] = f(x)
        for j in range(n):
            a[i, j] = x**j
    return list(lu_solve(a, b))


K, C = mpf("3.5"), mpf("0.75")


def tail(u):
    """(1 + C t) times the excess at -t in u = (t-K)/(t+K)."""
    t = K * (1 + u) / (1 - u)
    return (1 + C * t) * excess(-t)


def center(s):
    """z/q in s = q^2, q = Phi(z) - 1/2."""
    return sqrt(mpf(2)) * erfinv(2 * sqrt(s)) / sqrt(s)


def start(n, end="0.91", nodes=100):
    """(sqrt 2 - t/v)/v^-2 in 1/v, v = sqrt(-l), log Phi(-t) = l: the least largest
    relative error of t, by least squares with weights that follow the error."""
    w = [mpf(end) * (1 - cos(pi * (k + mpf(1) / 2) / nodes)) / 2 for k in range(nodes)]
    f = [x * lower(-1 / x**2) for x in w]
    weight = [mpf(1)] * nodes
    for _ in range(40):
        a, b = matrix(nodes, n), matrix(nodes, 1)
        for i in range(nodes):
            s = sqrt(weight[i]) / f[i]
            b[i] = s * (sqrt(mpf(2)) - f[i])
            for j in range(n):
                a[i, j] = s * w[i] ** (j + 2)
        c = lu_solve(a, b)
        error = [abs((sqrt(mpf(2)) - w[i] ** 2 * polyval(list(c)[::-1], w[i])) / f[i] - 1) for i in range(nodes)]
        total = sum(x * y for x, y in zip(weight, error))
        weight = [x * y / total * nodes for x, y in zip(weight, error)]
    print("# start of", n, "terms: relative error", mp.nstr(max(error), 3))
    return list(c)


def terms():
    def show(name, c):
        print(name, "{" + ", ".join(mp.nstr(x, 20) for x in c) + "}")

    for name, n in ("float32", 14), ("float64", 28):
        show("tail " + name, interpolate(tail, -1, 1, n))
    for name, n in ("float32", 6), ("float64", 12):
        show("center " + name, interpolate(center, 0, "0.0455", n))
    for name, n in ("float32", 4), ("float64", 6):
        show("start " + name, start(n))


def single(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def table():
    """Arguments that are numbers of float32, so that one table serves both types."""
    rng = random.Random(1)
    xs = [0.0, 1e-30, -1e-30, 0.5, -0.5] + [rng.gauss(0, 1) for _ in range(150)] + [rng.gauss(0, 8) for _ in range(100)]
    xs += [-(10 ** rng.uniform(0, 9)) for _ in range(40)] + [rng.uniform(5, 14) for _ in range(40)]
    for x in sorted(single(x) for x in xs):
        print("x", repr(x), mp.nstr(log_cdf(mpf(x)), 25), mp.nstr(hazard(mpf(x)), 25), mp.nstr(excess(mpf(x)), 25))
    ls = [-0.6931471824645996, -0.693147, -0.6931, -0.7, -0.5] + [-rng.uniform(0, 4) for _ in range(200)]
    ls += [-(10 ** rng.uniform(-40, 1)) for _ in range(80)] + [-(10 ** rng.uniform(0, 37)) for _ in range(120)]
    for l in sorted(single(l) for l in ls):
        print("l", repr(l), mp.nstr(quantile(mpf(l)), 25))


if __name__ == "__main__":
    {"table": table, "terms": terms}[sys.argv[1]]()
