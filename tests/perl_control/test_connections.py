"""Connections of this process, as the kernel sees them."""

import contextlib
import os
import socket
import struct

from perl_control.robots.connections import Connections
import pytest

ADDRESS = '127.0.9.81'


@contextlib.contextmanager
def connected():
    with socket.create_server((ADDRESS, 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection((ADDRESS, port)) as ours, listener.accept()[0] as theirs:
            yield port, ours, theirs


def test_a_living_connection_is_alive_and_only_those_to_the_peer_count():
    with connected() as (port, ours, theirs):
        connections = Connections(ADDRESS, port)
        assert connections.count == 1
        theirs.sendall(b'data')
        assert connections.alive
        assert Connections(ADDRESS, port + 1).count == 0
        assert Connections('127.0.9.82', port).count == 0
        ours.sendall(b'still usable')


def test_nothing_waits_for_an_acknowledgement():
    with connected() as (port, ours, _):
        assert not ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        Connections(ADDRESS, port).send_at_once()
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def reset(_ours, theirs):
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    theirs.close()


def end(_ours, theirs):
    theirs.shutdown(socket.SHUT_WR)


def close_ours(ours, _theirs):
    ours.close()


@pytest.mark.parametrize('lose', [reset, end, close_ours])
def test_a_connection_that_ends_in_any_way_is_not(lose):
    with connected() as (port, ours, theirs):
        connections = Connections(ADDRESS, port)
        lose(ours, theirs)
        assert not connections.alive
        assert not connections.alive, 'it stays so'


def test_a_connection_made_anew_at_the_same_descriptor_is_not_the_old_one():
    with connected() as (port, ours, _), connected() as (_, others, _):
        connections = Connections(ADDRESS, port)
        os.dup2(others.fileno(), ours.fileno())
        assert not connections.alive
