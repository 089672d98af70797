"""``python -m femo_pipeline``, which run_pipeline.sh calls."""

from femo_pipeline.cli import main

if __name__ == "__main__":
    main()
