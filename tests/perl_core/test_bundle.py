"""A bundle says what torch said, and anything that does not fit is refused by its name."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
from perl_core.bundle import export
from perl_core.bundle.export import Description, export_bundle
from perl_core.bundle.manifest import GRAPHS, TrainedCalibration, Training
from perl_core.bundle.reading import file_record, manifest_sha256
from perl_core.bundle.runtime import BRANCH_EQUIVARIANT, BRANCH_STANDARD, Policy
from perl_core.contract import ACTION_SIZE, OBSERVATION_SIZE, VECTOR_SIZE, Contract, scales
from perl_core.errors import BundleError, ContractError, PolicyError, PolicyRangeError
from perl_core.kinematics import UR5E_NOMINAL
import pytest
import torch
from torch import nn

CONTRACT = Contract()
torch.set_num_threads(1)
DESCRIPTION = Description(
    contract=CONTRACT,
    training=Training(
        agent='toy', agent_config={'width': 8}, environment='toy/Reach-v0', environment_config={},
        seed=3, steps=100, git_hash='0' * 40, command='python train.py',
    ),
    calibration=TrainedCalibration(content_sha256='ab' * 32, dh_parameters=UR5E_NOMINAL),
    evaluation={'successes': 19, 'episodes': 20},
)


def squash(vectors):
    length = vectors.square().sum(-1, keepdim=True).add(1e-12).sqrt()
    return (vectors * (length.tanh() / length)).flatten(1)


class Equivariant(nn.Module):
    """A linear combination of the vectors with invariant coefficients."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(5, 10)

    def forward(self, vectors):
        vectors = vectors.reshape(-1, 5, 3)
        coefficients = self.mix(vectors.square().sum(-1)).tanh().reshape(-1, 2, 5)
        return squash(coefficients @ vectors)


class Standard(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(OBSERVATION_SIZE, ACTION_SIZE)

    def forward(self, observation):
        return squash(self.linear(observation).reshape(-1, 2, 3))


class GateByFirstEntry(nn.Module):
    """Open where the tool is beyond the centre in x."""

    def forward(self, observation):
        return torch.sigmoid(40.0 * observation[:, 0])


class Constant(nn.Module):
    """The same output of ``size`` numbers everywhere."""

    def __init__(self, value, size):
        super().__init__()
        self.value, self.size = value, size

    def forward(self, inputs):
        return torch.zeros_like(inputs[:, : self.size]) + self.value


torch.manual_seed(0)
TOYS = {
    'actor_equivariant': Equivariant(),
    'actor_standard': Standard(),
    'gate': GateByFirstEntry(),
}


def some_observations(count, seed=1):
    normal = np.random.default_rng(seed).normal(size=(count, OBSERVATION_SIZE))
    return (normal * scales(CONTRACT.observation)).astype(np.float32)


@pytest.fixture(scope='module', autouse=True)
def each_module_is_converted_once():
    """Converting takes seconds; the same toys are needed many times."""
    convert, known = export._to_onnx, {}

    def remembered(module, spec):
        if module not in known:
            known[module] = convert(module, spec)
        copy = onnx.ModelProto()
        copy.CopyFrom(known[module])
        return copy

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, '_to_onnx', remembered)
        yield


@pytest.fixture(scope='module')
def shipped(tmp_path_factory):
    """A bundle that nobody changes."""
    folder = tmp_path_factory.mktemp('bundles') / 'toy'
    export_bundle(TOYS, folder, DESCRIPTION, some_observations(40))
    return folder, TOYS


@pytest.fixture
def copied(shipped, tmp_path):
    """A bundle to be changed."""
    return shutil.copytree(shipped[0], tmp_path / 'toy')


def rewrite(folder, change):
    file = folder / 'manifest.json'
    data = json.loads(file.read_text(encoding='utf-8'))
    change(data)
    file.write_text(json.dumps(data), encoding='utf-8')


def replace_graph(folder, name, change):
    """Change a graph and make the manifest's hash fit."""
    model = onnx.load(folder / name)
    change(model)
    content = model.SerializeToString()
    (folder / name).write_bytes(content)
    record = dataclasses.asdict(file_record(content))
    rewrite(folder, lambda data: data['files'].update({name: record}))


def refusal(folder, error=BundleError, contract=CONTRACT):
    with pytest.raises(error) as caught:
        Policy.load(folder, contract)
    return str(caught.value)


def test_the_policy_says_what_torch_says_with_the_branch_that_the_gate_chose(shipped):
    folder, modules = shipped
    policy = Policy.load(folder, CONTRACT)
    branches = []
    for observation in some_observations(60, seed=2):
        with torch.no_grad():
            row = torch.from_numpy(observation)[None]
            gate = modules['gate'](row).item()
            expected = (
                modules['actor_standard'](row)
                if gate > 0.5
                else modules['actor_equivariant'](row[:, :VECTOR_SIZE])
            )
        output = policy.act(observation)
        np.testing.assert_allclose(output.action, expected[0].numpy(), atol=1e-6)
        assert output.gate == pytest.approx(gate, abs=1e-6)
        assert output.branch == (BRANCH_STANDARD if gate > 0.5 else BRANCH_EQUIVARIANT)
        assert output.action.dtype == np.float32
        branches.append(output.branch)
    assert 5 < sum(branches) < 55


def test_an_action_stays_what_it_was_when_the_policy_acts_again(shipped):
    policy = Policy.load(shipped[0])
    first, second = some_observations(2)
    kept = policy.act(first).action
    before = kept.copy()
    assert not np.array_equal(policy.act(second).action, before)
    np.testing.assert_array_equal(kept, before)


def test_what_the_maker_said_is_read_back(shipped):
    policy = Policy.load(shipped[0])
    assert policy.contract == CONTRACT
    assert policy.sha256 == manifest_sha256(shipped[0])
    manifest = policy.manifest
    assert manifest.training == DESCRIPTION.training
    assert manifest.evaluation == DESCRIPTION.evaluation
    assert manifest.calibration.content_sha256 == 'ab' * 32
    np.testing.assert_array_equal(manifest.calibration.dh_parameters.d_m, UR5E_NOMINAL.d_m)
    assert manifest.representations == {'vectors': ['vector'] * 5, 'action': ['vector'] * 2}
    assert 0.0 < manifest.checks.equivariance_error < 1e-5
    assert set(manifest.checks.parity_error) == set(GRAPHS)
    assert len(manifest.test_vectors.observation) == 32


def test_the_onnx_files_say_it_too_and_nothing_of_the_makers_machine(shipped):
    for spec in GRAPHS.values():
        model = onnx.load(shipped[0] / spec.file)
        said = {entry.key: entry.value for entry in model.metadata_props}
        assert said['perl.contract_sha256'] == CONTRACT.fingerprint()
        assert json.loads(said['perl.contract']) == CONTRACT.to_dict()
        assert said['perl.command'] == 'python train.py'
        assert b'.py"' not in (shipped[0] / spec.file).read_bytes()
        assert not any(node.metadata_props for node in model.graph.node)


def test_the_bundle_holds_four_files_and_nothing_is_left_beside_it(shipped):
    names = {file.name for file in shipped[0].iterdir()}
    assert names == {'manifest.json'} | {spec.file for spec in GRAPHS.values()}
    assert [file.name for file in shipped[0].parent.iterdir()] == ['toy']


@pytest.mark.parametrize('name', ['manifest.json', *(spec.file for spec in GRAPHS.values())])
def test_a_missing_file_is_named(copied, name):
    (copied / name).unlink()
    assert f'cannot read {copied / name}' in refusal(copied)


def test_a_missing_folder_says_how_to_make_one(tmp_path):
    message = refusal(tmp_path / 'none')
    assert 'no folder' in message
    assert 'sim/export.py' in message


@pytest.mark.parametrize('name', [spec.file for spec in GRAPHS.values()])
def test_an_altered_file_is_named(copied, name):
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(content)
    message = refusal(copied)
    assert f'{copied / name} was altered' in message
    assert 'sha256' in message


def test_a_file_that_the_manifest_does_not_name_is_refused(copied):
    (copied / 'weights.bin').write_bytes(b'1')
    assert "['weights.bin'], which its manifest does not name" in refusal(copied)


@pytest.mark.parametrize(
    ('field', 'value'),
    [('policy_rate_hz', 50), ('group', 'SO2'), ('max_joint_speed_rad_s', 1.0), ('version', 2)],
)
def test_another_contract_is_named_by_its_first_difference(shipped, field, value):
    message = refusal(shipped[0], ContractError, dataclasses.replace(CONTRACT, **{field: value}))
    assert f'another contract: {field} is {getattr(CONTRACT, field)!r} there' in message


def test_another_observation_is_refused_even_without_a_contract_to_compare(copied):
    rewrite(copied, lambda data: data['contract']['observation'][0].update(scale=0.5))
    assert 'another observation' in refusal(copied, ContractError, contract=None)


@pytest.mark.parametrize('name', ['gate', 'action_equivariant', 'action_standard'])
def test_a_test_vector_that_is_not_met_is_refused(copied, name):
    def change(data):
        values = data['test_vectors'][name]
        if name == 'gate':
            values[20] = abs(values[20] - 1e-3)
        else:
            values[20][3] += 1e-3

    rewrite(copied, change)
    assert 'from the test vectors' in refusal(copied)


def test_metadata_of_another_bundle_is_refused(copied):
    def change(model):
        entry = next(e for e in model.metadata_props if e.key == 'perl.seed')
        entry.value = '4'

    replace_graph(copied, 'gate.onnx', change)
    message = refusal(copied)
    assert "perl.seed is '4', the manifest says '3'" in message
    assert 'gate.onnx' in message


def test_a_manifest_of_another_bundle_is_refused(copied):
    rewrite(copied, lambda data: data['training'].update(steps=101))
    assert "perl.steps is '100', the manifest says '101'" in refusal(copied)


def test_a_graph_of_another_shape_is_refused(copied):
    shutil.copy(copied / 'actor_equivariant.onnx', copied / 'gate.onnx')
    replace_graph(copied, 'gate.onnx', lambda model: None)
    message = refusal(copied)
    assert 'gate.onnx must map' in message
    assert "'vectors'" in message


def test_a_file_that_is_no_graph_is_refused(copied):
    (copied / 'gate.onnx').write_bytes(b'not a graph')
    record = dataclasses.asdict(file_record(b'not a graph'))
    rewrite(copied, lambda data: data['files'].update({'gate.onnx': record}))
    assert 'gate.onnx is not a graph that onnxruntime runs' in refusal(copied)


MANIFEST_FAULTS = [
    (('schema_version',), 2), (('schema_version',), None), (('files',), {}),
    (('files', 'gate.onnx', 'sha256'), 'xyz'), (('files', 'gate.onnx', 'size_bytes'), -1),
    (('files', 'gate.onnx', 'size_bytes'), '10'), (('representations', 'action'), ['free']),
    (('training', 'seed'), 1.5), (('training', 'command'), ''), (('training', 'steps'), True),
    (('calibration', 'content_sha256'), 'AB' * 32), (('evaluation',), [19, 20]),
    (('calibration', 'dh_parameters', 'd_m'), [0.1625]),
    (('checks', 'equivariance_error'), 1e-3), (('checks', 'parity_error', 'gate'), -1.0),
    (('test_vectors', 'observation'), []), (('test_vectors', 'gate'), [0.5]),
    (('test_vectors', 'action_standard'), 'none'),
]


@pytest.mark.parametrize(('path', 'value'), MANIFEST_FAULTS, ids=lambda part: str(part)[:40])
def test_a_wrong_field_of_the_manifest_is_named(copied, path, value):
    def change(data):
        for name in path[:-1]:
            data = data[name]
        data[path[-1]] = value

    rewrite(copied, change)
    message = refusal(copied)
    assert path[0] in message
    assert str(copied / 'manifest.json') in message


@pytest.mark.parametrize(
    ('field', 'value'),
    [('policy_rate_hz', 0), ('policy_rate_hz', '25'), ('observation', 3), ('observation', [3])],
)
def test_a_malformed_contract_is_refused(copied, field, value):
    rewrite(copied, lambda data: data['contract'].update({field: value}))
    assert 'contract' in refusal(copied, ContractError)


@pytest.mark.parametrize('text', ['', '[]', '{', '{"schema_version": NaN}', 'null', '\udcff'])
def test_a_manifest_that_is_none_is_refused(copied, text):
    (copied / 'manifest.json').write_text(text, encoding='utf-8', errors='surrogateescape')
    assert 'manifest.json' in refusal(copied)


def test_missing_and_unknown_fields_of_the_manifest_are_named(copied):
    rewrite(copied, lambda data: data.update(note=data.pop('training')))
    message = refusal(copied)
    assert "missing: ['training']" in message
    assert "unknown: ['note']" in message


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_an_observation_that_is_not_finite_is_refused(shipped, value):
    policy = Policy.load(shipped[0])
    observation = some_observations(1)[0]
    observation[7] = value
    with pytest.raises(PolicyError, match='an observation must be finite'):
        policy.act(observation)


def test_an_observation_of_another_shape_is_refused(shipped):
    with pytest.raises(PolicyError, match=r'shape \(39,\)'):
        Policy.load(shipped[0]).act(np.zeros(15, dtype=np.float32))


def test_an_output_that_is_not_finite_is_refused(shipped, tmp_path):
    class RootGate(nn.Module):
        def forward(self, observation):
            return observation[:, 0].abs().clamp(0.0, 1.0)

    class OverflowingStandard(nn.Module):
        def forward(self, observation):
            # Infinite only where the first entry is huge: no test vector sees it.
            return squash((observation[:, :6] * 0.1).reshape(-1, 2, 3)) * (
                1.0 + torch.relu(observation[:, :1] - 1e3) * torch.inf
            ).nan_to_num(nan=1.0, posinf=torch.inf)

    modules = TOYS | {'gate': RootGate(), 'actor_standard': OverflowingStandard()}
    folder = tmp_path / 'overflowing'
    export_bundle(modules, folder, DESCRIPTION, some_observations(4))
    observation = some_observations(1)[0]
    policy = Policy.load(folder)
    policy.act(observation)
    observation[0] = 2e3
    with pytest.raises(PolicyError, match='both must be finite'):
        policy.act(observation)


def test_a_branch_that_is_not_equivariant_is_not_exported(tmp_path):
    class Broken(nn.Module):
        def forward(self, vectors):
            return squash((vectors[:, :6] + 0.01).reshape(-1, 2, 3))

    with pytest.raises(BundleError, match='breaks its symmetry'):
        export_bundle(TOYS | {'actor_equivariant': Broken()}, tmp_path / 'broken',
                      DESCRIPTION, some_observations(4))  # fmt: skip
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('name', 'module', 'message'),
    [
        ('actor_standard', Constant(1.0, 6), 'norm of at most 1'),
        ('actor_standard', Constant(torch.nan, 6), 'actor_standard differs by nan'),
        ('gate', Constant(0.5, 1), r'gate\.onnx must map'),
    ],
)
def test_a_module_that_does_not_keep_the_contract_is_not_exported(tmp_path, name, module, message):
    with pytest.raises(BundleError, match=message):
        export_bundle(TOYS | {name: module}, tmp_path / 'wrong', DESCRIPTION,
                      some_observations(4))  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_said_before_any_work(shipped, tmp_path):
    observations = some_observations(4)
    with pytest.raises(BundleError, match='exists already'):
        export_bundle(TOYS, shipped[0], DESCRIPTION, observations)
    with pytest.raises(BundleError, match=r"came \['gate'\]"):
        export_bundle({'gate': GateByFirstEntry()}, tmp_path / 'x', DESCRIPTION, observations)
    with pytest.raises(BundleError, match=r'came \(39,\)'):
        export_bundle(TOYS, tmp_path / 'x', DESCRIPTION, observations[0])
    with pytest.raises(BundleError, match='must be finite'):
        export_bundle(TOYS, tmp_path / 'x', DESCRIPTION, observations * np.inf)


def test_an_evaluation_that_is_not_finite_leaves_nothing_behind(tmp_path):
    described = dataclasses.replace(DESCRIPTION, evaluation={'error_m': float('nan')})
    with pytest.raises(BundleError, match='plain finite JSON values'):
        export_bundle(TOYS, tmp_path / 'x', described, some_observations(4))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('gate', 'action', 'sentence'),
    [(0.2, 1e6, 'an action within'), (7.0, 0.1, 'a gate from 0 to 1'), (-1.0, 0.1, 'a gate from')],
)
def test_what_no_policy_can_say_is_refused(shipped, monkeypatch, gate, action, sentence):
    policy = Policy.load(shipped[0])
    monkeypatch.setattr(policy._gate, 'run', lambda: policy._gate.output.fill(gate))
    for branch in policy._branches:
        monkeypatch.setattr(branch, 'run', lambda branch=branch: branch.output.fill(action))
    with pytest.raises(PolicyRangeError, match=sentence):
        policy.act(some_observations(1)[0])


def test_nothing_in_the_process_of_a_policy_works_on_its_own():
    """Threads that onnxruntime starts for sending usage data would disturb the control loop."""
    count = (
        'import os, perl_core.bundle.runtime; '
        'raise SystemExit(len(os.listdir("/proc/self/task")) - 1)'
    )
    environment = {**os.environ, 'OPENBLAS_NUM_THREADS': '1'}
    environment.pop('ORT_DISABLE_TELEMETRY', None)
    assert subprocess.run([sys.executable, '-c', count], env=environment).returncode == 0
