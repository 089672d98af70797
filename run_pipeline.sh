#!/usr/bin/env bash
# Runs the training pipeline on a manifest: ./run_pipeline.sh -m manifest.json (-h tells the rest).
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
python=$here/.venv/bin/python
if [[ ! -x $python ]]; then
  make -C "$here" setup >&2
fi
# The caller's folder stays the current one: the manifest's path is relative to it.
exec env PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}" "$python" -m femo_pipeline "$@"
