import pytest

from runtime.catalogue import NodeType, build_catalogue
from runtime.config import Pattern, Routing, RuntimeConfig, parse_config
from runtime.errors import ConfigError
from runtime.plan import (
    BUILT_IN_EXECUTORS,
    ExecutorDeclaration,
    Router,
    RoutingError,
    check_executors,
)
from runtime.plan.routing import Assignment


def kind(name: str, executor: str | None = None) -> NodeType:
    return NodeType(name, f"nodes:{name}", executor)


def named(*names: str) -> dict[str, ExecutorDeclaration]:
    return dict.fromkeys(names, ExecutorDeclaration(uses_processes=False))


def test_a_registered_type_goes_to_its_executor():
    assert Router(Routing()).route(kind("AudioLevelNode", "native")) == Assignment(
        "native", "registered: AudioLevelNode -> native"
    )


def test_a_type_that_none_registers_goes_by_its_suffix():
    assert Router(Routing()).route(kind("WhisperNode")) == Assignment(
        "multiprocess", "pattern *Node (priority 100) -> multiprocess"
    )


@pytest.mark.parametrize("name", ["SrtOutput", "WhisperNodes", "Whispernode"])
def test_any_other_type_goes_to_the_default(name: str):
    assert Router(Routing()).route(kind(name)) == Assignment("native", "default")
    other = Router(Routing(default_executor="multiprocess"))
    assert other.route(kind(name)) == Assignment("multiprocess", "default")


def test_runtime_toml_goes_before_the_catalogue_s_registration():
    router = Router(Routing(registry={"PassThrough": "multiprocess"}))
    assert router.route(kind("PassThrough", "native")) == Assignment(
        "multiprocess", "registered in runtime.toml: PassThrough -> multiprocess"
    )


def test_an_override_goes_before_everything():
    router = Router(Routing(registry={"PassThrough": "native"}))
    assert router.route(kind("PassThrough", "native"), "multiprocess") == Assignment(
        "multiprocess", "override in metadata.multiprocess.executor_overrides"
    )


def test_patterns_decide_by_priority_then_length_then_place():
    rules = parse_config(
        """
[[routing.patterns]]
pattern = "*Node"
executor = "low"
priority = 1
[[routing.patterns]]
pattern = "Big*"
executor = "high"
priority = 2
[[routing.patterns]]
pattern = "*OddNode"
executor = "longer"
priority = 1
[[routing.patterns]]
pattern = "*N?de"
executor = "later"
priority = 1
"""
    ).routing
    router = Router(rules, executors=named("low", "high", "longer", "later", "native"))
    chosen = {
        name: router.route(kind(name)).executor
        for name in ("XNode", "BigNode", "AnOddNode", "BigOddNode", "Nyde", "Other")
    }
    assert chosen == {
        "XNode": "low",
        "BigNode": "high",
        "AnOddNode": "longer",
        "BigOddNode": "high",
        "Nyde": "later",
        "Other": "native",
    }


@pytest.mark.parametrize(
    ("routing", "override", "why"),
    [
        (Routing(), "multiproces", "override in metadata"),
        (Routing(registry={"X": "multiproces"}), None, "registered in runtime.toml"),
        (
            Routing(patterns=(Pattern(pattern="X", executor="multiproces", priority=0),)),
            None,
            "pattern X (priority 0)",
        ),
        (Routing(default_executor="multiproces"), None, "default"),
    ],
)
def test_an_unknown_executor_is_refused_with_the_nearest_and_the_reason(routing, override, why):
    with pytest.raises(RoutingError) as caught:
        Router(routing).route(kind("X"), override)
    assert str(caught.value).startswith(f'no executor "multiproces" ({why}')
    assert str(caught.value).endswith('did you mean "multiprocess"?')


def test_an_unknown_executor_like_no_other_gets_the_list():
    with pytest.raises(RoutingError, match="executors: native, multiprocess"):
        Router(Routing()).route(kind("X"), "gpu")


@pytest.mark.parametrize(
    ("allowed", "native", "multiprocess"),
    [
        (("*",), True, True),
        ((), False, False),
        (("multiprocess",), False, True),
        (("multi*", "native"), True, True),
    ],
)
def test_the_operator_says_which_overrides_a_manifest_may_use(allowed, native, multiprocess):
    router = Router(Routing(override_executors=allowed))
    for executor, is_allowed in (("native", native), ("multiprocess", multiprocess)):
        if is_allowed:
            assert router.route(kind("X"), executor).executor == executor
        else:
            with pytest.raises(RoutingError, match="the operator does not let a manifest choose"):
                router.route(kind("X"), executor)
    assert router.route(kind("X")).executor == "native"


def test_the_built_in_types_go_where_the_catalogue_of_facts_says():
    catalogue = build_catalogue(RuntimeConfig(), installed=())
    router = Router(Routing())
    for node_type in catalogue:
        expected = "native" if node_type.executor == "native" else "multiprocess"
        assert router.route(node_type).executor == expected


def test_executors_that_runtime_toml_names_can_be_checked_at_the_start():
    check_executors(Routing(), BUILT_IN_EXECUTORS)
    routing = Routing(default_executor="nativ", registry={"X": "gpu"})
    with pytest.raises(ConfigError) as caught:
        check_executors(routing, BUILT_IN_EXECUTORS)
    assert [str(fault) for fault in caught.value.faults] == [
        'routing.default_executor: no executor "nativ"; did you mean "native"?',
        'routing.registry.X: no executor "gpu"; known: native, multiprocess, remote',
    ]


SUFFIXED = NodeType("WhisperNode", "nodes:WhisperNode", origin="built in")


@pytest.mark.parametrize(
    "routing",
    [
        Routing(),
        Routing(registry={"WhisperNode": "multiprocess"}),
        Routing(patterns=(), default_executor="multiprocess"),
        Routing(native_override_types=("Whisper", "Kokoro*")),
    ],
)
def test_a_manifest_cannot_move_a_type_out_of_its_process(routing: Routing):
    with pytest.raises(RoutingError, match=r"does not let a manifest move it") as caught:
        Router(routing).route(SUFFIXED, "native")
    assert "WhisperNode runs in a process of its own" in str(caught.value)
    assert "routing.native_override_types" in str(caught.value)


@pytest.mark.parametrize(
    ("routing", "node_type", "override"),
    [
        (Routing(), NodeType("PassThrough", "n:P", "native", origin="built in"), "multiprocess"),
        (Routing(), NodeType("PassThrough", "n:P", "native", origin="built in"), "native"),
        (Routing(), SUFFIXED, "multiprocess"),
        (Routing(native_override_types=("Whisper*",)), SUFFIXED, "native"),
        (Routing(registry={"WhisperNode": "native"}), SUFFIXED, "native"),
        (Routing(), NodeType("OwnNode", "n:OwnNode"), "native"),
    ],
    ids=["isolate", "same-native", "same-process", "allowed", "registered", "application"],
)
def test_a_manifest_may_isolate_a_node_and_move_what_the_operator_allows(
    routing: Routing, node_type: NodeType, override: str
):
    assert Router(routing).route(node_type, override).executor == override


def test_what_an_outside_executor_declares_decides_which_way_an_override_goes():
    executors = {
        **BUILT_IN_EXECUTORS,
        "sandbox": ExecutorDeclaration(uses_processes=True),
        "shared": ExecutorDeclaration(uses_processes=False),
    }
    router = Router(Routing(), executors=executors)
    assert router.route(SUFFIXED, "sandbox").executor == "sandbox"
    with pytest.raises(RoutingError, match="native_override_types"):
        router.route(SUFFIXED, "shared")
