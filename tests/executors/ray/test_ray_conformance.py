"""The executor `ray` fulfils the list of rules of every executor."""

from runtime.config import parse_config
from runtime.testing.executors import check_executor
from tests.executors.ray.cluster import Cluster
from tests.executors.ray.conftest import assert_gone


def test_the_executor_fulfils_the_contract(cluster: Cluster) -> None:
    config = parse_config(
        "multiprocess.cleanup_grace_period_secs = 1\n"
        "multiprocess.init_timeout_secs = 120\n"  # a worker takes 1 s of processor time to start
        'files.roots = ["/"]\n'
        f'executors.ray = {{enabled = true, address = "{cluster.address}", warm = 2}}\n'
    )
    check_executor(None, name="ray", config=config)
    assert_gone(cluster.workers())
