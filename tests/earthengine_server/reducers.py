"""Reducers: statistics over the first axis of a block of values, of which some are masked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .errors import EarthEngineError
from .registry import algorithm


@dataclass(frozen=True)
class Output:
    """One result of a reducer.

    Attributes
    ----------
    name : str
        What it is called.
    statistic : callable
        Takes values and their validity, both of shape (k, n); returns results and their validity,
        both of shape (n,).
    slot : int
        Which of the reducer's inputs it looks at.
    """

    name: str
    statistic: Callable
    slot: int = 0


@dataclass(frozen=True)
class Reducer:
    """Outputs over one or several inputs; `listed` gathers the outputs of one name in a list."""

    outputs: tuple[Output, ...]
    inputs: int = 1
    listed: bool = False

    def names(self, bands, *, lone_band):
        """Name of every output by (band position, output position).

        Parameters
        ----------
        bands : list of str
            Bands of the image, for a reducer of one input.
        lone_band : {"output", "band"}
            What a single output of a single band is called after.
        """
        several = len(self.outputs) > 1
        if len(bands) == 1 and lone_band == "output":
            return [[output.name for output in self.outputs]]
        return [[f"{band}_{output.name}" if several else band for output in self.outputs] for band in bands]


def run(reducer, blocks):
    """Results of a reducer over blocks, one for each of its inputs, in the order of its outputs."""
    return [output.statistic(*blocks[output.slot]) for output in reducer.outputs]


def _count(values, valid):
    counts = valid.sum(axis=0).astype(float)
    return counts, np.ones(counts.shape, dtype=bool)


def _sum(values, valid):
    total = np.where(valid, values, 0.0).sum(axis=0)
    return total, np.ones(total.shape, dtype=bool)


def _product(values, valid):
    total = np.where(valid, values, 1.0).prod(axis=0)
    return total, np.ones(total.shape, dtype=bool)


def _mean(values, valid):
    counts = valid.sum(axis=0)
    return np.where(valid, values, 0.0).sum(axis=0) / np.maximum(counts, 1), counts > 0


def _min(values, valid):
    some = valid.any(axis=0)
    return np.where(some, np.where(valid, values, np.inf).min(axis=0), 0.0), some


def _max(values, valid):
    some = valid.any(axis=0)
    return np.where(some, np.where(valid, values, -np.inf).max(axis=0), 0.0), some


def _variance(values, valid, lost=0):
    counts = valid.sum(axis=0)
    mean, _ = _mean(values, valid)
    squares = np.where(valid, (values - mean) ** 2, 0.0).sum(axis=0)
    return squares / np.maximum(counts - lost, 1), counts > lost


def _root(statistic):
    def rooted(values, valid):
        result, known = statistic(values, valid)
        return np.sqrt(result), known

    return rooted


def _first(values, valid):
    position = valid.argmax(axis=0)
    return np.take_along_axis(values, position[None], axis=0)[0], valid.any(axis=0)


def _last(values, valid):
    return _first(values[::-1], valid[::-1])


def _percentile(share):
    """Linear between the sorted values, as for few values; Earth Engine bins where they are many."""

    def percentile(values, valid):
        counts = valid.sum(axis=0)
        ordered = np.sort(np.where(valid, values, np.inf), axis=0)
        position = share / 100 * np.maximum(counts - 1, 0)
        low, high = np.floor(position).astype(int), np.ceil(position).astype(int)
        below = np.take_along_axis(ordered, low[None], axis=0)[0]
        above = np.take_along_axis(ordered, high[None], axis=0)[0]
        with np.errstate(invalid="ignore"):
            between = below + (above - below) * (position - low)
        return np.where(counts > 0, between, 0.0), counts > 0

    return percentile


def _mode(values, valid):
    """The most frequent value, the lowest of several."""
    ordered = np.where(valid, values, np.inf)
    equal = (ordered[:, None, :] == ordered[None, :, :]) & valid[:, None, :]
    counts = equal.sum(axis=0) * valid
    best = counts == counts.max(axis=0)
    return _min(values, valid & best)


def _any(values, valid):
    some = (valid & (values != 0)).any(axis=0)
    return some.astype(float), valid.any(axis=0)


def _all(values, valid):
    every = (~valid | (values != 0)).all(axis=0)
    return every.astype(float), valid.any(axis=0)


def _count_distinct(values, valid):
    ordered = np.sort(np.where(valid, values, np.inf), axis=0)
    steps = (np.diff(ordered, axis=0) > 0).sum(axis=0) + 1.0
    return np.where(valid.any(axis=0), steps - (~valid).any(axis=0), 0.0), np.ones(steps.shape, bool)


STATISTICS = {
    "mean": _mean,
    "sum": _sum,
    "product": _product,
    "count": _count,
    "min": _min,
    "max": _max,
    "median": _percentile(50),
    "mode": _mode,
    "variance": _variance,
    "stdDev": _root(_variance),
    "sampleVariance": lambda values, valid: _variance(values, valid, lost=1),
    "sampleStdDev": _root(lambda values, valid: _variance(values, valid, lost=1)),
    "first": _first,
    "firstNonNull": _first,
    "last": _last,
    "lastNonNull": _last,
    "anyNonZero": _any,
    "allNonZero": _all,
    "or": _any,
    "and": _all,
    "countDistinct": _count_distinct,
    "countDistinctNonNull": _count_distinct,
}

#: Names of outputs that differ from that of the reducer.
_OUTPUT_NAMES = {
    "firstNonNull": "first",
    "lastNonNull": "last",
    "anyNonZero": "any",
    "allNonZero": "all",
    "or": "any",
    "and": "all",
    "countDistinct": "count",
    "countDistinctNonNull": "count",
}


def simple(name):
    """The reducer of one statistic."""
    return Reducer((Output(_OUTPUT_NAMES.get(name, name), STATISTICS[name]),))


def _register(name):
    if name in ("min", "max"):
        algorithm(f"Reducer.{name}")(lambda numInputs: _several(name, numInputs))
    else:
        algorithm(f"Reducer.{name}")(lambda: simple(name))


def _several(name, inputs):
    if inputs != 1:
        raise EarthEngineError(f"Reducer.{name}: several inputs are not implemented here.")
    return simple(name)


for _name in STATISTICS:
    if _name not in ("median", "mode"):
        _register(_name)


@algorithm("Reducer.median", "Reducer.mode")
def reducer_of_many(context, maxBuckets, minBucketWidth, maxRaw):
    return simple(context.name.removeprefix("Reducer."))


@algorithm("Reducer.minMax")
def reducer_min_max():
    return Reducer((Output("min", _min), Output("max", _max)))


@algorithm("Reducer.percentile")
def reducer_percentile(percentiles, outputNames, maxBuckets, minBucketWidth, maxRaw):
    names = outputNames or [f"p{share:g}" for share in percentiles]
    if len(names) != len(percentiles):
        raise EarthEngineError("Reducer.percentile: outputNames and percentiles differ in number.")
    pairs = zip(names, percentiles, strict=True)
    return Reducer(tuple(Output(name, _percentile(share)) for name, share in pairs))


@algorithm("Reducer.combine")
def reducer_combine(reducer1, reducer2, outputPrefix, sharedInputs):
    if sharedInputs and reducer1.inputs != reducer2.inputs:
        raise EarthEngineError("Reducer.combine: Reducers that share inputs must have as many.")
    shift = 0 if sharedInputs else reducer1.inputs
    outputs = list(reducer1.outputs)
    for output in reducer2.outputs:
        name = f"{outputPrefix}{output.name}"
        if any(name == other.name for other in outputs):
            raise EarthEngineError(f"Reducer.combine: Duplicate output name '{name}'.")
        outputs.append(replace(output, name=name, slot=output.slot + shift))
    return Reducer(tuple(outputs), reducer1.inputs + (0 if sharedInputs else reducer2.inputs))


@algorithm("Reducer.setOutputs")
def reducer_set_outputs(reducer, outputs):
    if len(outputs) > len(reducer.outputs):
        raise EarthEngineError(
            f"Reducer.setOutputs: {len(outputs)} names for {len(reducer.outputs)} outputs."
        )
    pairs = zip(reducer.outputs, outputs, strict=False)
    return replace(reducer, outputs=tuple(replace(output, name=name) for output, name in pairs))


@algorithm("Reducer.unweighted")
def reducer_unweighted(reducer):
    return reducer


@algorithm("Reducer.repeat")
def reducer_repeat(reducer, count):
    copies = [replace(o, slot=o.slot + k * reducer.inputs) for k in range(count) for o in reducer.outputs]
    return Reducer(tuple(copies), reducer.inputs * count, listed=True)


@algorithm("Reducer.forEach")
def reducer_for_each(reducer, outputNames):
    outputs = [
        replace(o, slot=position, name=f"{name}_{o.name}" if len(reducer.outputs) > 1 else name)
        for position, name in enumerate(outputNames)
        for o in reducer.outputs
    ]
    return Reducer(tuple(outputs), len(outputNames))


@algorithm("Reducer.forEachBand")
def reducer_for_each_band(reducer, image):
    return reducer_for_each(reducer, list(image.bands))


@algorithm("Reducer.getOutputs")
def reducer_get_outputs(reducer):
    return [output.name for output in reducer.outputs]
