from pathlib import Path
import re
import runpy

import benchmark_layers as bench
from perl_core.layers.networks import LAYERS
import torch

PAGE = (Path(__file__).parents[3] / 'docs' / 'layers.md').read_text(encoding='utf-8')


def test_the_first_example_runs(tmp_path):
    script = tmp_path / 'page.py'
    script.write_text(re.search(r'^```python\n(.*?)^```', PAGE, flags=re.S | re.M)[1])
    names = runpy.run_path(str(script))
    assert names['policy'](torch.zeros(3, names['rho_in'].size)).shape == (3, 6)


def test_the_table_of_kinds_names_every_layer():
    rows = re.findall(r"^\| `'(\w+)'` \| `(\w+)`", PAGE, flags=re.M)
    assert dict(rows) == {kind: layer.__name__ for kind, layer in LAYERS.items()}


def test_the_promises_are_those_that_the_bench_holds():
    promised = [float(bar) for bar in re.findall(r'^\| .* \| ([\d.]+) x \|$', PAGE, flags=re.M)]
    held = [(row.kind, row.group) for row in bench.TRAINING if row.bar is not None]
    assert promised == [1.1, 1.5, 2.0, 1.1]
    assert {row.bar for row in bench.INFERENCE} - {None} == {1.1}
    bars = {(row.kind, row.group): row.bar for row in bench.TRAINING}
    expected = {'equivariant': promised[0], 'residual': promised[1]}
    assert all(bars[at] == (2.0 if at[1] == 'SO3' else expected[at[0]]) for at in held)
