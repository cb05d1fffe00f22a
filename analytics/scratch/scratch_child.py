"""The other process of ``reading`` and ``building``: what touches a stranger's file runs here."""

from __future__ import annotations

from pathlib import Path

import msgspec

from analytics.files.child_process import Answer, Tell, serve
from analytics.scratch import column_profiles, staging
from analytics.scratch.limits import BUILD_S


def _answer(asked: Answer, tell: Tell) -> Answer:
    if asked["doing"] == "build":
        # Here, since DuckLake takes time to load.
        from analytics.scratch import storing  # noqa: PLC0415

        return storing.build(asked, tell)
    return _read(asked)


def _read(asked: Answer) -> Answer:
    file, work = Path(asked["file"]), Path(asked["work"])
    work.mkdir(parents=True, exist_ok=True)
    staged = staging.stage(file, work)
    names = [file.name if len(staged) == 1 else f"{file.name}, {one.format}" for one in staged]
    previews = [
        column_profiles.look(file, name, f"{asked['key']}{'' if not nth else f'.{nth}'}", one)
        for nth, (name, one) in enumerate(zip(names, staged, strict=True))
    ]
    return {"previews": msgspec.to_builtins(previews)}


if __name__ == "__main__":
    serve(_answer, threads=2, max_s=BUILD_S)
