import os

import pytest

from actors import Actor, Json, Params
from actors.offline import OFFLINE_ENVIRONMENT, stay_offline


class EnvironmentNode(Actor[Params]):
    """Return the environment of its process."""

    def process(self, item: Json) -> Json:
        return Json(dict(os.environ))


@pytest.mark.usefixtures("warm_forkserver")
def test_every_node_process_keeps_libraries_off_the_network(actor_kit):
    from actors.testing import harness

    with harness(EnvironmentNode, executor="multiprocess", kit=actor_kit) as node:
        (output,) = node.feed(Json(None))
    assert isinstance(output, Json)
    environment = output.value
    assert isinstance(environment, dict)
    assert OFFLINE_ENVIRONMENT.items() <= environment.items()


def test_what_the_operator_has_set_stays(monkeypatch):
    for name in OFFLINE_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with monkeypatch.context() as patch:
        for name in OFFLINE_ENVIRONMENT.keys() - {"HF_HUB_OFFLINE"}:
            patch.setenv(name, "")  # so that it is restored
            patch.delenv(name)
        stay_offline()
        assert os.environ["HF_HUB_OFFLINE"] == "0"
        assert os.environ["TRANSFORMERS_OFFLINE"] == "1"
        for name in OFFLINE_ENVIRONMENT.keys() - {"HF_HUB_OFFLINE"}:
            del os.environ[name]
