"""What a running stack shows to the outside: sockets, the ROS graph, parameters."""

import ipaddress
import os
from pathlib import Path
import struct
import subprocess
import sys
import time
from xml.etree import ElementTree

from perl_bringup.stack import STACK
import pytest
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import DescribeParameters, ListParameters, SetParameters
import rclpy
from rclpy.executors import SingleThreadedExecutor

pytestmark = pytest.mark.alone

ADDRESS, DOMAIN = '127.0.4.60', 157
LISTEN = '0A'
NODES = [spec.name for spec in STACK if spec.kind != 'program']
CHANGEABLE = {'use_sim_time', 'speed_scale'}
"""May be changed while the arm moves: use_sim_time is every node's own and no clock of the stack
looks at it; speed_scale is made for that and bounded."""
ROOT = Path(__file__).resolve().parents[2]
POLICIES = ROOT / 'ros2_ws' / 'src' / 'perl_bringup' / 'security'


def descendants(pid):
    tasks = list(Path(f'/proc/{pid}/task').iterdir())
    children = [int(c) for t in tasks for c in (t / 'children').read_text().split()]
    return children + [d for child in children for d in descendants(child)]


@pytest.fixture(scope='module')
def stack(tmp_path_factory):
    """A stack with an emulated arm, recording; its pids and a node beside it."""
    os.environ['AMENT_PREFIX_PATH'] = os.environ.get('AMENT_PREFIX_PATH', sys.prefix)
    folder = tmp_path_factory.mktemp('stack')
    log = (folder / 'log').open('w+')
    environment = {**os.environ, 'ROS_DOMAIN_ID': str(DOMAIN)}
    # The stack must choose this by itself.
    environment.pop('ROS_AUTOMATIC_DISCOVERY_RANGE', None)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    process = subprocess.Popen(
        [sys.executable, '-m', 'perl_bringup', 'use_mock_hardware:=true', f'robot_ip:={ADDRESS}',
         'record:=true', f'bag:={folder / "bag"}'],
        env=environment, stdout=log, stderr=log, start_new_session=True,
    )
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    node = rclpy.create_node('perl_test_security', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        deadline = time.monotonic() + 60.0
        while '[INFO] active' not in (folder / 'log').read_text():
            assert time.monotonic() < deadline and process.poll() is None, (
                folder / 'log').read_text()
            time.sleep(0.1)
        yield process, node, executor
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
        process.terminate()
        try:
            process.wait(20.0)
        finally:
            if process.poll() is None:
                process.kill()
            log.close()


def ask(stack, service, kind, request):
    _, node, executor = stack
    client = node.create_client(kind, service)
    assert client.wait_for_service(10.0), service
    future = client.call_async(request)
    executor.spin_until_future_complete(future, 10.0)
    assert future.done(), service
    return future.result()


def sockets_of(pid):
    """Return the inodes of the sockets of a process."""
    links = []
    for descriptor in Path(f'/proc/{pid}/fd').iterdir():
        try:
            links.append(os.readlink(descriptor))
        except FileNotFoundError:
            continue
    return {link[8:-1] for link in links if link.startswith('socket:[')}


def listening(kind, inodes):
    """Return address and port of sockets that listen (TCP) or are bound (UDP), of IPv4 or 6."""
    found = []
    for line in Path(f'/proc/net/{kind}').read_text().splitlines()[1:]:
        fields = line.split()
        address, port = fields[1].split(':')
        if fields[9] in inodes and (kind.startswith('udp') or fields[3] == LISTEN):
            words = [int(address[i:i + 8], 16) for i in range(0, len(address), 8)]
            packed = b''.join(struct.pack('=I', word) for word in words)
            found.append((ipaddress.ip_address(packed), int(port, 16)))
    return found


def test_everything_that_listens_for_tcp_is_on_loopback(stack):
    pids = [stack[0].pid, *descendants(stack[0].pid)]
    inodes = set().union(*map(sockets_of, pids))
    open_ports = [*listening('tcp', inodes), *listening('tcp6', inodes)]
    assert {port for _, port in open_ports} >= {29999, 30001, 30002, 30003, 30004}
    assert [where for where in open_ports if not where[0].is_loopback] == []


def test_discovery_announces_itself_on_loopback_only(stack):
    # Fast DDS binds its UDP sockets to all addresses, and joins groups only where it may speak.
    pids = descendants(stack[0].pid)
    groups = Path(f'/proc/{pids[-1]}/net/igmp').read_text()
    interfaces, present = {}, ''
    for line in groups.splitlines()[1:]:
        if not line.startswith('\t'):
            present = line.split()[1]
        else:
            interfaces.setdefault(line.split()[0], set()).add(present)
    metatraffic = '0100FFEF'  # 239.255.0.1, where DDS participants announce themselves.
    assert interfaces.get(metatraffic, set()) <= {'lo'}


@pytest.mark.parametrize('name', [name for name in NODES if name != 'perl_recorder'])
def test_no_parameter_that_matters_can_be_changed_while_the_node_runs(stack, name):
    names = ask(stack, f'/{name}/list_parameters', ListParameters,
                ListParameters.Request()).result.names
    described = ask(stack, f'/{name}/describe_parameters', DescribeParameters,
                    DescribeParameters.Request(names=names)).descriptors
    ours = [d for d in described if not d.name.startswith('qos_overrides.')]
    assert len(ours) >= 3
    assert {d.name for d in ours if not d.read_only} <= CHANGEABLE
    for descriptor in ours:
        if descriptor.read_only:
            wish = Parameter(name=descriptor.name, value=ParameterValue(type=4, string_value='x'))
            answer = ask(stack, f'/{name}/set_parameters', SetParameters,
                         SetParameters.Request(parameters=[wish])).results[0]
            assert not answer.successful, descriptor.name


def test_the_recorder_offers_no_way_to_change_parameters(stack):
    _, node, _ = stack
    services = [service for service, _ in node.get_service_names_and_types_by_node(
        'perl_recorder', '/')]
    assert not [service for service in services if 'parameter' in service]


def allowed_by(policy):
    """Return (what, how, name) of everything that a policy allows."""
    root = ElementTree.parse(policy).getroot()
    assert root.tag == 'policy' and root.get('version') == '0.2.0'
    return {
        (group.tag, how, child.text)
        for profile in root.iter('profile') for group in profile for how in group.attrib
        for child in group if group.get(how) == 'ALLOW'
    }


def used_by(node, name):
    """Return the same of what a node does on the graph."""
    found = {
        ('topics', 'publish'): node.get_publisher_names_and_types_by_node(name, '/'),
        ('topics', 'subscribe'): node.get_subscriber_names_and_types_by_node(name, '/'),
        ('services', 'reply'): node.get_service_names_and_types_by_node(name, '/'),
        ('services', 'request'): node.get_client_names_and_types_by_node(name, '/'),
    }
    used = set()
    for (what, how), entries in found.items():
        for entry, _ in entries:
            action = entry.partition('/_action/')[0]
            if action == entry or name == 'perl_recorder':
                used.add((what, how, entry))
            elif (what, how) == ('services', 'reply'):
                used.add(('actions', 'execute', action))
    return used


@pytest.mark.parametrize('name', NODES)
def test_each_policy_allows_exactly_what_the_node_does(stack, name):
    _, node, _ = stack
    allowed = allowed_by(POLICIES / f'{name}.policy.xml')
    deadline = time.monotonic() + 10.0
    while used_by(node, name) != allowed and time.monotonic() < deadline:
        time.sleep(0.2)
    assert used_by(node, name) == allowed
