"""Whether somebody listens where the GCS of a cluster should be."""

from typing import Final

import trio

from ...errors import PipelineError

_SECONDS: Final = 3.0
_LAST_PORT: Final = 65535


async def check_gcs(address: str) -> None:
    """Return if somebody listens there; Ray itself tries for minutes before it gives up.

    Raises:
        PipelineError: nobody does.
    """
    host, _, port = address.rpartition(":")
    try:
        if not host or not port.isdecimal() or int(port) > _LAST_PORT:
            raise ValueError("expected HOST:PORT")
        with trio.fail_after(_SECONDS):
            stream = await trio.open_tcp_stream(host.strip("[]"), int(port))
            await stream.aclose()
    except trio.TooSlowError:
        reason = f"no answer within {_SECONDS:g} s"
    except (OSError, ValueError) as error:
        reason = str(error)
    else:
        return
    raise PipelineError(
        f"cannot connect to the Ray cluster at {address}: {reason}; `ray start --head` starts one, "
        "executors.ray.address names its GCS"
    )
