"""The one place that knows private names of grpclib and h2.

Client and server need more than the public names of the two libraries offer: limits, an orderly end
of a connection, frames that are read and written without h2's copies. `private_names` lists each
private name in use, and a test compares the list with the installed releases.
"""

from .call_request import CallRequest, RefusedCallError
from .client import ClientProtocol, ClientStream, GrpclibChannel
from .configuration import http2_configuration
from .frame_reader import FrameTooLongError
from .frame_writer import FrameWriter, StreamEndedError
from .private_names import PRIVATE_NAMES, PrivateName
from .server import ServerProtocol
from .server_stream import ServerStream, peer_name
from .statuses import ERROR_OF_STATUS, STATUS_OF_TYPE

__all__ = [
    "ERROR_OF_STATUS",
    "PRIVATE_NAMES",
    "CallRequest",
    "ClientProtocol",
    "ClientStream",
    "FrameTooLongError",
    "FrameWriter",
    "GrpclibChannel",
    "PrivateName",
    "RefusedCallError",
    "STATUS_OF_TYPE",
    "ServerProtocol",
    "ServerStream",
    "StreamEndedError",
    "http2_configuration",
    "peer_name",
]
