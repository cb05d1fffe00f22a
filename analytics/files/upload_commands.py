"""What a page has the collector do about an uploaded record: take it into the record."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from analytics.control.commands import Action


class ImportUpload(Action):
    """Import what a scratch lake in the data folder holds, as one import that can be undone."""

    work: ClassVar[str] = "import_upload"

    lake: Annotated[str, Field(min_length=1, max_length=200)]
    """Its folder, below ``Layout.uploads``."""
    file: Annotated[str, Field(min_length=1, max_length=200)]
    """What its files are called, for the list of imports."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of its files."""
