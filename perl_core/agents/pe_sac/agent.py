"""PE-SAC: the parts, and the order in which they learn."""

from collections.abc import Callable
import copy
from typing import NamedTuple, TypeVar
import zlib

from perl_core.actor import (
    ActorUpdate,
    MixedPolicy,
    Temperature,
    update_actor,
    update_temperature,
)
from perl_core.agents.pe_sac.config import PESACConfig
from perl_core.agents.pe_sac.parts import build_actor, build_critic, build_gate, prior_of
from perl_core.arm_spaces import ArmSpaces
from perl_core.contract import Contract
from perl_core.critic import Critic, CriticUpdate, update_critic
from perl_core.declared_spaces import DeclaredSpaces
from perl_core.environment_contract import AnyContract
from perl_core.gate import FixedGate, Gate, GateModule
from perl_core.layers import Adam, follow
from perl_core.learned_gate import LearnedGate
from perl_core.predictors import Predictors, update_predictors
from perl_core.replay import Batch
from perl_core.spaces import Spaces
import torch
from torch import nn

Part = TypeVar('Part')


class Seen(NamedTuple):
    """What is known of a batch before critic and actor learn from it, each of shape (batch,)."""

    of_state: torch.Tensor
    """lambda(s)."""
    of_action: torch.Tensor
    """lambda(s, a)."""
    next_value: torch.Tensor
    """Soft value of the next observations under the target critic."""


class PESAC(nn.Module):
    """A partially equivariant soft actor-critic."""

    def __init__(self, config: PESACConfig, contract: AnyContract, seed: int) -> None:
        """Build every part from its own seed, so that agents with fewer parts start alike.

        Args:
            config: sizes and rates.
            contract: what is seen and said, and the group.
            seed: of all parts.
        """
        super().__init__()
        self.config, self.contract = config, contract
        self.spaces = spaces = spaces_of(contract)
        self.actor = _seeded(seed, 'actor', lambda: build_actor(config, spaces))
        self.critic = _seeded(seed, 'critic', lambda: build_critic(config, spaces))
        self.target_critic = copy.deepcopy(self.critic).requires_grad_(False)
        self.temperature = Temperature(config.initial_temperature)
        self.gate: Gate = _seeded(seed, 'gate', lambda: build_gate(config, spaces))
        self.predictors: Predictors | None = None
        if config.branches == 'both':
            self.predictors = _seeded(
                seed, 'predictors', lambda: Predictors(spaces, config.predictors)
            )
        self.generator = torch.Generator().manual_seed(seed)
        self.updates = 0
        learned = ('actor', 'critic', 'temperature', 'predictors')
        self._optimisers = {
            name: Adam(part.parameters(), config.learning_rate)
            for name in learned
            if (part := getattr(self, name)) is not None
        }

    def optimisers(self) -> dict[str, Adam]:
        """Return every optimiser by name."""
        if isinstance(self.gate, LearnedGate):
            return self._optimisers | self.gate.optimisers()
        return self._optimisers

    @torch.no_grad()
    def act(self, observation: torch.Tensor, *, explore: bool) -> torch.Tensor:
        """Return actions of shape (batch, action size); the mean unless exploring."""
        if not explore:
            return self.actor.mode(self.actor(observation, self.gate.of_state(observation)))
        weight = self.gate.of_state(observation, self.generator)
        return self.actor.sample(self.actor(observation, weight), self.generator).action

    def update(self, batch: Batch) -> dict[str, float]:
        """Let every part learn from one batch.

        Order: predictors, disagreement, gate, critic, actor, temperature, target critic.

        Returns:
            What to log.
        """
        config, info = self.config, {}
        if config.augments:
            batch = self.spaces.turned(batch, self.generator)
        if self.predictors is not None and self.updates % config.symmetry_every == 0:
            predicted, comparison = update_predictors(
                self.predictors, self._optimisers['predictors'], batch, config.max_gradient_norm
            )
            info |= predicted | self.gate.update(batch, comparison)
        seen = self._seen(batch)
        info |= update_critic(self._critic_update(seen), batch, self.generator)
        self.critic.requires_grad_(False)
        acted, log_probability = update_actor(self._actor_update(seen), batch, self.generator)
        self.critic.requires_grad_(True)
        info |= acted | update_temperature(
            self.temperature,
            self._optimisers['temperature'],
            log_probability,
            config.target_entropy,
        )
        follow(self._learning(self.target_critic), self._learning(self.critic), config.target_rate)
        self.updates += 1
        return info

    def _learning(self, critic: Critic) -> nn.Module:
        """Return the part of a critic that learns: one branch, or both."""
        return critic if self.config.branches == 'both' else getattr(critic, self.config.branches)

    @torch.no_grad()
    def _seen(self, batch: Batch) -> Seen:
        """Ask the gate about both ends of each transition at once, and value the far end."""
        both, then = torch.cat((batch.observation, batch.next_observation)), batch.next_observation
        here, there = self.gate.of_state(both, self.generator).chunk(2)
        action, log_probability = self.actor.sample(self.actor(then, there), self.generator)
        actions = torch.cat((batch.action, action))
        taken, following = self.gate.of_action(both, actions, self.generator).chunk(2)
        value = self.target_critic(then, action, following).amin(1)
        return Seen(here, taken, value - self.temperature.alpha * log_probability)

    def smallest_q(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Return the smaller of the twin values, shape (batch,)."""
        weight = self.gate.of_action(observation, action.detach(), self.generator)
        return self.critic(observation, action, weight).amin(1)

    def _critic_update(self, seen: Seen) -> CriticUpdate:
        return CriticUpdate(
            self.critic,
            self._optimisers['critic'],
            seen.of_action,
            seen.next_value,
            self.config.discount,
            self.config.reward_scale,
            self.config.max_gradient_norm,
            self._practice_share(),
            prior_of(self.config, self.config.critic_prior),
        )

    def _actor_update(self, seen: Seen) -> ActorUpdate:
        return ActorUpdate(
            self.actor,
            self._optimisers['actor'],
            seen.of_state,
            self.smallest_q,
            self.temperature,
            self.config.max_gradient_norm,
            self._practice_share(),
            prior_of(self.config, self.config.actor_prior),
        )

    def _practice_share(self) -> float:
        config = self.config
        is_due = config.branches == 'both' and self.updates % config.practice_every == 0
        return config.practice_share * config.practice_every if is_due else 0.0

    def export_modules(self) -> dict[str, nn.Module]:
        """Return what a bundle is made of: deterministic, scales included, in eval mode.

        Returns:
            'actor_equivariant' maps what it may see (batch, seen size) to actions,
            'actor_standard' the observation (batch, observation size) to actions,
            'gate' the observation to the probability of the standard branch (batch,).
            A bundle runs one branch at a time. The mixture of a soft gate is therefore all in
            'actor_standard', and 'gate' is always 1.
        """
        modules = {
            'actor_equivariant': self.actor.equivariant,
            'actor_standard': self.actor.standard,
            'gate': GateModule(self.gate),
        }
        if isinstance(self.gate, LearnedGate) and self.gate.config.kind == 'soft':
            closed, is_open = FixedGate(is_open=False), FixedGate(is_open=True)
            of_state = GateModule(self.gate if self.gate.is_warm else closed)
            modules['actor_standard'] = MixedPolicy(self.actor, of_state)
            modules['gate'] = GateModule(is_open)
        return {name: copy.deepcopy(module).eval() for name, module in modules.items()}


def spaces_of(contract: AnyContract) -> Spaces:
    """Return what the parts of an agent need to know of a contract."""
    return ArmSpaces(contract) if isinstance(contract, Contract) else DeclaredSpaces(contract)


def _seeded(seed: int, name: str, build: Callable[[], Part]) -> Part:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(zlib.crc32(f'{seed}/{name}'.encode()))
        return build()
