"""PipelineControl: attach to a running session, see and change what flows through it."""

from grpclib.const import Status

from ..session import Runtime
from ..wire import Attached, ControlEvent, ControlFrame, Hello
from .attachment import AttachCall, Attachment
from .authentication import Authentication
from .call_errors import CallError, session_not_found
from .server_state import ServerState


class PipelineControlService:
    """Answers Attach."""

    def __init__(
        self, runtime: Runtime, server_state: ServerState, authentication: Authentication
    ) -> None:
        self._runtime = runtime
        self._server_state = server_state
        self._authentication = authentication

    async def attach(self, call: AttachCall) -> None:
        """Attach a client to a session until the client or the session ends.

        Raises:
            CallError: the first frame is not `hello`, or no such session is open.
        """
        self._server_state.check_accepting()
        hello = _hello_of(await call.receive())
        session = self._runtime.sessions.get(hello.session_id)
        # A client may attach to its own sessions, the operator to all. For others, a session that
        # they did not open is none.
        if session is None or not self._authentication.may_attach(
            session.owner, call.authorization
        ):
            raise session_not_found(hello.session_id, self._runtime)
        attached = Attached(session_id=session.id, attach_id=hello.attach_id)
        await call.send(ControlEvent(attached=attached))
        async with self._server_state.cancelled_at_stop():
            await Attachment(call, session).run()


def _hello_of(frame: ControlFrame | None) -> Hello:
    if frame is None or frame.hello is None:
        raise CallError(Status.INVALID_ARGUMENT, "the first frame must be hello, with a session_id")
    return frame.hello
