import pytest

from runtime import NodeError
from tests.corpus.nodes import NODES, NodeSituation
from tests.corpus.outcomes import Refused
from tests.session.pipelines import manifest, run_through


@pytest.mark.parametrize("line", NODES, ids=lambda line: f"{line.node_type}: {line.what}")
async def test_a_node_answers_or_refuses_as_its_line_gives_it(runtime, line: NodeSituation):
    pipeline = manifest({"node": (line.node_type, line.params)})
    if not isinstance(line.outcome, Refused):
        results = await run_through(runtime, pipeline, line.items())
        line.outcome.check([result.data for result in results])
        return
    with pytest.raises((NodeError, BaseExceptionGroup)) as caught:
        await run_through(runtime, pipeline, line.items())
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, NodeError)
    assert error.node_id == "node"
    line.outcome.check_error(error)
