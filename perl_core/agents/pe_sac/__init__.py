"""Partially equivariant soft actor-critic; with a fixed gate, plain or equivariant SAC."""

from perl_core.agents.pe_sac.agent import PESAC
from perl_core.agents.pe_sac.config import PESACConfig

__all__ = ['PESAC', 'PESACConfig']
