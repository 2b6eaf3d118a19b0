"""``python -m perl_bringup name:=value ...``: the stack without ``ros2 launch``."""

import os
import sys

from perl_core.errors import PerlError

from perl_bringup.arguments import describe, parse_arguments
from perl_bringup.claim import Claim
from perl_bringup.runner import run_stack
from perl_bringup.stack import resolve, robot_ip_of


def main() -> int:
    """Run the stack until it is stopped; return the exit code."""
    words = sys.argv[1:]
    if {'--show-args', '--help', '-h'} & set(words):
        sys.stdout.write(f'python -m perl_bringup name:=value ...\n\n{describe()}\n')
        return 0
    try:
        specs = resolve(parse_arguments(words))
        claim = Claim(robot_ip_of(specs), os.environ)
        ending = run_stack(specs)
        claim.release()
    except PerlError as error:
        sys.stderr.write(f'perl_bringup: {error}\n')
        return 1
    sys.stderr.write(f'perl_bringup: {ending.sentence}\n')
    return ending.exit_code


if __name__ == '__main__':
    sys.exit(main())
