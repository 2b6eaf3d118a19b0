#!/usr/bin/env bash
# Build perl_msgs with colcon against the ROS 2 wheels of a virtual environment, and install it there.
# Usage: tools/build_messages.sh VENV
set -euo pipefail
venv=$1
root=$(cd "$(dirname "$0")/.." && pwd)
log=$root/.colcon/build.log
mkdir -p "$root/.colcon"

# The wheels' CMake exports name include folders of the machine that built them; name ours.
"$venv/bin/python" - "$venv" <<'PY'
import pathlib
import re
import sys
import sysconfig

import numpy

pairs = (
    (r'/opt/python/cp3\d+-cp3\d+/include/python3\.\d+', sysconfig.get_paths()['include']),
    (r'/opt/python/cp3\d+-cp3\d+/lib/python3\.\d+/site-packages/numpy/_core/include', numpy.get_include()),
)
for path in (pathlib.Path(sys.argv[1]) / 'share').rglob('*.cmake'):
    text = path.read_text()
    mended = text
    for pattern, ours in pairs:
        mended = re.sub(pattern, ours, mended)
    if mended != text:
        path.write_text(mended)
PY

echo 'Building perl_msgs (under a minute) ...'
if ! PATH="$venv/bin:$PATH" AMENT_PREFIX_PATH="$venv" CMAKE_PREFIX_PATH="$venv" \
    "$venv/bin/colcon" --log-base "$root/.colcon/log" build \
    --base-paths "$root/ros2_ws/src/perl_msgs" --build-base "$root/.colcon/build" \
    --merge-install --install-base "$venv" \
    --cmake-args "-DPython3_EXECUTABLE=$venv/bin/python" -DBUILD_TESTING=OFF > "$log" 2>&1; then
  cat "$log" >&2
  echo "perl_msgs did not build; the full log is $log. A C++ compiler (g++) and cmake are needed." >&2
  exit 1
fi
