"""A bare FastAPI route that returns bytes: the baseline of the API.

    python benchmarks/bare_api.py PORT ANSWER

ANSWER is a pickle of headers and body. Served by uvicorn with the options of Streamlit's server.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response
from streamlit.web.server.starlette import starlette_server

headers, body = pickle.loads(Path(sys.argv[2]).read_bytes())
app = FastAPI()


@app.get("/api/metrics")
async def metrics(request: Request) -> Response:
    """Return the bytes, or that they are known."""
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers={"etag": headers["etag"]})
    return Response(body, headers=headers)


@app.get("/_stcore/health")
async def health() -> str:
    """Return that it answers."""
    return "ok"


if __name__ == "__main__":
    options = starlette_server._get_uvicorn_config_kwargs()
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", **options)
