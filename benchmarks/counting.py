"""What counting outcomes costs a verification: this version, and a copy of it that counts nothing, in turn.

    .venv/bin/python benchmarks/counting.py --runs 15 --limit 1.04

Prints the medians in microseconds and the median of the rounds' ratios, for unseen tokens and for a cached
one. The exit status is 1 if a ratio is above the limit in each of three attempts.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from _attempts import arguments, attempt
from compare import measure

SOURCE = Path(__file__).resolve().parents[1] / "src"
# What a verification adds, and where.
COUNTING = (
    "            tally.share.accepted += 1\n",
    '        entry.tally.saw(payload["iat"])\n',
)


def without_counts(folder: Path) -> Path:
    """A copy of the package whose verifications add nothing."""
    copy = folder / "src"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    path = copy / "cognito_mr_auth" / "verifier.py"
    text = path.read_text("utf-8")
    for each in COUNTING:
        if text.count(each) != 1:
            raise RuntimeError(f"{path.name} does not hold once: {each.strip()}")
        text = text.replace(each, "")
    path.write_text(text, "utf-8")
    return copy


def main() -> int:
    """Measure until an attempt keeps the limit."""
    options = arguments(__doc__, runs=15, limit=1.04).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = without_counts(Path(folder))
        return attempt(
            lambda: measure(copy, SOURCE, options.runs),
            lambda found: all(kind["ratio"] <= options.limit for kind in found.values()),
        )


if __name__ == "__main__":
    sys.exit(main())
