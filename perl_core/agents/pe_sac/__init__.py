"""Partially equivariant soft actor-critic and its rivals, over one core."""

from perl_core.agents.pe_sac.agent import PESAC, spaces_of
from perl_core.agents.pe_sac.config import AgentKind, PESACConfig

__all__ = ['PESAC', 'AgentKind', 'PESACConfig', 'spaces_of']
