"""The services of the contract and their rpcs, by the names that both ends use."""

from typing import Final

PROTOCOL_VERSION: Final = "v1"

EXECUTION_SERVICE: Final = "remotemedia.v1.PipelineExecutionService"
STREAMING_SERVICE: Final = "remotemedia.v1.StreamingPipelineService"
CONTROL_SERVICE: Final = "remotemedia.v1.PipelineControl"
OPERATIONS_SERVICE: Final = "millrace.v1.Operations"
HEALTH_SERVICE: Final = "grpc.health.v1.Health"
REFLECTION_SERVICE: Final = "grpc.reflection.v1.ServerReflection"
# Tools of before 2023 know reflection by this name only. Its messages are the same.
REFLECTION_V1ALPHA_SERVICE: Final = "grpc.reflection.v1alpha.ServerReflection"

# Load reports for balancers, out of band.
ORCA_SERVICE: Final = "xds.service.orca.v3.OpenRcaService"
LOAD_REPORT_TRAILER: Final = "endpoint-load-metrics-bin"

# Where a session is that a client looks for at the wrong replica; of our own.
REPLICA_ADDRESS_TRAILER: Final = "millrace-replica-address"

# Paths of rpcs, as in the :path header.
EXECUTE_PIPELINE: Final = f"/{EXECUTION_SERVICE}/ExecutePipeline"
GET_VERSION: Final = f"/{EXECUTION_SERVICE}/GetVersion"
STREAM_PIPELINE: Final = f"/{STREAMING_SERVICE}/StreamPipeline"
ATTACH: Final = f"/{CONTROL_SERVICE}/Attach"
LIST_SESSIONS: Final = f"/{OPERATIONS_SERVICE}/ListSessions"
KILL_SESSION: Final = f"/{OPERATIONS_SERVICE}/KillSession"
WATCH_ITEMS: Final = f"/{OPERATIONS_SERVICE}/WatchItems"
WATCH_SERVER: Final = f"/{OPERATIONS_SERVICE}/WatchServer"
WATCH_SESSION: Final = f"/{OPERATIONS_SERVICE}/WatchSession"
EXPLAIN_SESSION: Final = f"/{OPERATIONS_SERVICE}/ExplainSession"
RECENT_ENDINGS: Final = f"/{OPERATIONS_SERVICE}/RecentEndings"
HEALTH_CHECK: Final = f"/{HEALTH_SERVICE}/Check"
HEALTH_WATCH: Final = f"/{HEALTH_SERVICE}/Watch"
STREAM_CORE_METRICS: Final = f"/{ORCA_SERVICE}/StreamCoreMetrics"
REFLECTION_INFO: Final = f"/{REFLECTION_SERVICE}/ServerReflectionInfo"
REFLECTION_V1ALPHA_INFO: Final = f"/{REFLECTION_V1ALPHA_SERVICE}/ServerReflectionInfo"

# The server answers a control frame without a member so; a client that sends one as a marker knows
# by it that all frames before were carried out.
EMPTY_FRAME_MESSAGE: Final = "a frame carries nothing"
