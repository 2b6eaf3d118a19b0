"""perl/UR5eReach-v0: bring ``tool0`` of a UR5e to a pose, through servoJ, and hold it there."""

import math
from typing import Any, ClassVar

import gymnasium
import mujoco
import numpy as np
from perl_core.action import Command, joint_velocity_target, plan_segment
from perl_core.contract import ACTION_SIZE, OBSERVATION
from perl_core.errors import ConfigError
from perl_core.kinematics import Kinematics, Pose
from perl_core.observation import ReachErrors, build_observation
from perl_core.rotation import vector_from_rotation
from perl_sim.envs.reach_config import UR5eReachConfig
from perl_sim.goals import GoalSampler
from perl_sim.randomisation import Dynamics, apply_dynamics, friction_shift
from perl_sim.robots.ur5e import JOINT_RANGE_RAD, drive_command, load_ur5e
from perl_sim.servo import ServoModel

_BOUNDS = {
    'tool_position_from_centre_base_m': 3.0,
    'position_error_base_m': 3.0,
    'tool_velocity_base_m_s': 20.0,
    'tool_angular_velocity_base_rad_s': 100.0,
    'rotation_error_base_rad': math.pi + 1e-3,
    'joint_sine': 1.0,
    'joint_cosine': 1.0,
    'joint_position_rad': JOINT_RANGE_RAD + 1.0,
    'joint_velocity_rad_s': 50.0,
}
"""Greatest magnitude of each part of the observation: beyond what the arm can do."""

MAX_GOAL_DISTANCE_M = 1.5
"""A goal farther from the base than this is a mistake (the arm reaches 0.95 m to its flange)."""

START_TOLERANCE_RAD = 1e-3
"""An arm that was stopped at a joint limit may be measured this far beyond it."""


class UR5eReachEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """A UR5e, its servoJ, and a goal.

    The episode never ends on success: the goal is to be held. It ends (``terminated``) when the
    arm touches the table, a box or itself, because a real arm then makes a protective stop, from
    which only a person brings it back: no later reward exists in the true process either. Since
    each step pays more than its action costs unless the arm is very far away, ending is never a
    way out. At the horizon it is ``truncated``.

    ``info`` holds, of the true and not the noisy state: ``position_error_m``,
    ``rotation_error_rad``, ``success`` (both within tolerance now) and ``collision``.

    ``reset(options=...)`` takes ``joint_position_rad`` (shape (6,), the start) and ``goal`` (a
    ``Pose``); what is left out is drawn.
    """

    metadata: ClassVar[dict[str, Any]] = {'render_modes': []}

    def __init__(
        self, config: UR5eReachConfig | None = None, render_mode: str | None = None
    ) -> None:
        """Compile the model.

        Args:
            config: the task; the default task if left out.
            render_mode: None; this environment draws nothing.
        """
        if render_mode is not None:
            raise ConfigError(f'render_mode must be None, there are no others; got {render_mode}')
        self.config = config or UR5eReachConfig()
        self.render_mode = None
        self._contract = self.config.contract
        self._kinematics = Kinematics()
        self._sampler = GoalSampler(
            self._contract, self.config.sampling, self._kinematics, self.config.boxes
        )
        self._model = load_ur5e(self.config.boxes)
        self._model.opt.timestep = self._contract.control_period_s
        self._data = mujoco.MjData(self._model)
        self._tool = self._data.site('tool0')
        self._home_rad = np.array(self._contract.home_rad)
        self._limits_rad = (
            np.array(self._contract.joint_lower_rad), np.array(self._contract.joint_upper_rad)
        )
        high = np.concatenate([
            np.full(part.size, _BOUNDS[part.name], np.float32) for part in OBSERVATION
        ])
        self.observation_space = gymnasium.spaces.Box(-high, high, dtype=np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTION_SIZE,), np.float32)
        self._step_count = 0
        self._command: Command
        self._servo: ServoModel
        self._goal: Pose
        self._dynamics: Dynamics

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Draw dynamics, start and goal; the arm rests at the start.

        Args:
            seed: of everything random from here on.
            options: ``joint_position_rad`` and ``goal``; see the class.
        """
        super().reset(seed=seed)
        options = dict(options or {})
        start_rad, goal = options.pop('joint_position_rad', None), options.pop('goal', None)
        if options:
            raise ConfigError(
                f"reset takes the options 'joint_position_rad' and 'goal'; got {sorted(options)}"
            )
        self._dynamics = self.config.randomisation.draw(self.np_random, self._contract)
        start_rad = self._draw_start() if start_rad is None else self._checked_start(start_rad)
        self._goal = self._draw_goal() if goal is None else _checked_goal(goal)
        mujoco.mj_resetData(self._model, self._data)
        apply_dynamics(self._model, self._data, self._dynamics)
        self._data.qpos[:] = start_rad
        self._command = Command(start_rad.copy(), np.zeros(6))
        self._servo = ServoModel(self._dynamics.servo, start_rad)
        self._step_count = 0
        return self._observe(), self._info(self._true_errors(), collision=False)

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move for one policy period.

        Args:
            action: shape (6,); each of its two vectors is shortened to a norm of at most 1.
        """
        action = np.asarray(action, dtype=float)
        velocity = joint_velocity_target(action, self._command, self._kinematics, self._contract)
        segment = plan_segment(velocity, self._command, self._contract)
        self._command = segment.last
        reference = self._servo.trajectory(segment.position_rad)
        shift = friction_shift(self._dynamics, reference.velocity_rad_s)
        collision = self._simulate(drive_command(*reference) + shift)
        self._step_count += 1
        errors = self._true_errors()
        reward = self.config.reward(errors, action, collision)
        truncated = self._step_count >= self.config.horizon_steps
        return self._observe(), reward, collision, truncated, self._info(errors, collision)

    def _simulate(self, controls: np.ndarray) -> bool:
        """Advance one tick for each row; return whether anything touched."""
        model, data = self._model, self._data
        ctrl, touched = data.ctrl, 0
        for row in controls:
            ctrl[:] = row
            mujoco.mj_step(model, data)
            touched += data.ncon
        return touched > 0

    def _observe(self) -> np.ndarray:
        noise = self.config.randomisation
        position_rad, velocity_rad_s = self._data.qpos, self._data.qvel
        if noise.position_noise_rad or noise.velocity_noise_rad_s:
            random = self.np_random.standard_normal((2, 6))
            position_rad = position_rad + noise.position_noise_rad * random[0]
            velocity_rad_s = velocity_rad_s + noise.velocity_noise_rad_s * random[1]
        return build_observation(
            position_rad, velocity_rad_s, self._goal, self._kinematics, self._contract
        )

    def _true_errors(self) -> ReachErrors:
        # MuJoCo's own kinematics: equal to ours to 1e-9 m, and faster.
        mujoco.mj_kinematics(self._model, self._data)
        left = vector_from_rotation(self._goal.rotation @ self._tool.xmat.reshape(3, 3).T)
        return ReachErrors(
            math.dist(self._goal.position_m, self._tool.xpos), math.sqrt(left @ left)
        )

    def _info(self, errors: ReachErrors, collision: bool) -> dict[str, Any]:
        return {
            'position_error_m': errors.position_m,
            'rotation_error_rad': errors.rotation_rad,
            'success': errors.position_m <= self.config.position_tolerance_m
            and errors.rotation_rad <= self.config.rotation_tolerance_rad,
            'collision': collision,
        }

    def _draw_goal(self) -> Pose:
        if self.np_random.random() < self.config.home_goal_share:
            return self._kinematics.tool_pose(self._home_rad)
        return self._sampler.sample(self.np_random).pose

    def _draw_start(self) -> np.ndarray:
        near_home = self.np_random.random() < self.config.home_share
        while near_home:
            noise_rad = self.np_random.normal(scale=self.config.home_noise_rad, size=6)
            start = self._sampler.accept(self._home_rad + noise_rad)
            if start is not None:
                return start.joint_position_rad
        return self._sampler.sample(self.np_random).joint_position_rad

    def _checked_start(self, joint_position_rad: np.ndarray) -> np.ndarray:
        start_rad = np.array(joint_position_rad, dtype=float)
        lower_rad, upper_rad = self._limits_rad
        if start_rad.shape != (6,) or not (
            (start_rad >= lower_rad - START_TOLERANCE_RAD)
            & (start_rad <= upper_rad + START_TOLERANCE_RAD)
        ).all():
            raise ConfigError(
                f'joint_position_rad must be 6 angles within {lower_rad.tolist()} and '
                f'{upper_rad.tolist()}; got {start_rad.tolist()}'
            )
        return start_rad


def _checked_goal(goal: Pose) -> Pose:
    position_m, rotation = (np.array(part, dtype=float) for part in goal)
    if position_m.shape != (3,) or not np.linalg.norm(position_m) <= MAX_GOAL_DISTANCE_M:
        raise ConfigError(
            f'the position of a goal must be 3 numbers within {MAX_GOAL_DISTANCE_M} m of the '
            f'base; got {position_m.tolist()}'
        )
    if rotation.shape != (3, 3) or not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6):
        raise ConfigError(f'the rotation of a goal must be a rotation matrix; got {rotation}')
    return Pose(position_m, rotation)
