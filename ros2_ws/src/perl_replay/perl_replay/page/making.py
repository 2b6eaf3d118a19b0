"""Evaluates bags and keeps what their pages show."""

from pathlib import Path
from typing import NamedTuple

from perl_replay.evaluation import Evaluation, EvaluationOptions, evaluate_bag
from perl_replay.page.document import write_document
from perl_replay.page.evaluation_page import evaluation_page
from perl_replay.page.traces import Traces


class TracedRun(NamedTuple):
    """An evaluated bag and what its pictures show."""

    evaluation: Evaluation
    """Its figures."""
    traces: Traces
    """What looked on."""


def trace_bag(bag: Path, options: EvaluationOptions) -> TracedRun:
    """Return figures and traces of a bag.

    Raises:
        BagError: see ``evaluate_bag``, as for what else it raises.
    """
    traces = Traces()
    return TracedRun(evaluate_bag(bag, options, observe=traces.add), traces)


def evaluate_to_page(bag: Path, options: EvaluationOptions, page: Path | None) -> Evaluation:
    """Return the figures of a bag, and write its page unless that is None.

    Raises:
        BagError: see ``evaluate_bag``, as for what else it raises.
        OSError: the page cannot be written.
    """
    if page is None:
        return evaluate_bag(bag, options)
    evaluation, traces = trace_bag(bag, options)
    write_document(page, evaluation_page(evaluation, traces, options.limits))
    return evaluation
