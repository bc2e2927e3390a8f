"""One target under atheris, or its seeds; scripts/run_fuzz.py runs both.

    python -m fuzz TARGET [libFuzzer's options] CORPUS...
    python -m fuzz --seed TARGET FOLDER

Seeds are written each into a file of FOLDER, and the texts to mutate with into FOLDER.dict.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path


def seed(name: str, folder: Path) -> None:
    """Write the seeds of one target, each under its digest, and the dictionary beside the folder."""
    from support import vectors

    from .seeds import DICTIONARY, SEEDS

    folder.mkdir(parents=True, exist_ok=True)
    for data in SEEDS[name](vectors.find()):
        (folder / hashlib.sha256(data).hexdigest()[:32]).write_bytes(data)
    words = (word.replace("\\", "\\\\").replace('"', '\\"') for word in DICTIONARY)
    folder.with_suffix(".dict").write_text("".join(f'"{word}"\n' for word in words), "utf-8")


def fuzz(name: str, options: list[str]) -> None:
    """Run the target until libFuzzer's options end it; it ends the process itself."""
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    with atheris.instrument_imports(include=["cognito_mr_auth"]):
        from .checks import CHECKS
    atheris.Setup([name, *options], CHECKS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1] == "--seed":
        seed(sys.argv[2], Path(sys.argv[3]))
    else:
        fuzz(sys.argv[1], sys.argv[2:])
