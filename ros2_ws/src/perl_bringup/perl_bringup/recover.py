"""``python -m perl_bringup.recover``: after a protective stop, once a person has looked."""

import argparse
import os
import sys

from perl_core.errors import PerlError

from perl_bringup.recover_node import ask_to_recover
from perl_bringup.runner import environment_of_stack


def main() -> int:
    """Ask once; return 0 if the arm may move again."""
    argparse.ArgumentParser(
        prog='python -m perl_bringup.recover',
        description='Unlock a protective stop, reset the safety monitor and the controller of a '
        'running stack. Look at the arm first: afterwards it accepts goals again.',
    ).parse_args()
    os.environ.update(environment_of_stack(os.environ))
    try:
        recovered, sentence = ask_to_recover()
    except PerlError as error:
        sys.stderr.write(f'recover: {error}\n')
        return 1
    except KeyboardInterrupt:
        sys.stderr.write('recover: interrupted; the controller goes on with it\n')
        return 1
    sys.stdout.write(f'{sentence}\n')
    return 0 if recovered else 1


if __name__ == '__main__':
    sys.exit(main())
