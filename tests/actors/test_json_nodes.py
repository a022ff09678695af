import pytest

from actors import DataError, Json, Text
from actors.nodes.calculator import CalculatorNode
from actors.nodes.error_prone import ErrorProneNode, ErrorProneParams
from actors.nodes.expander import ExpanderNode, ExpanderParams
from actors.nodes.filter import FilterNode, FilterParams
from actors.nodes.multiply import MultiplyNode, MultiplyParams
from actors.nodes.range_generator import RangeGeneratorNode
from actors.nodes.transform_and_expand import TransformAndExpandNode, TransformAndExpandParams


@pytest.mark.parametrize(
    ("operation", "operands", "result"),
    [
        ("add", [2, 3], 5),
        ("subtract", [2, 3.5], -1.5),
        ("multiply", [-4, 2.5], -10),
        ("divide", [7, 2], 3.5),
    ],
)
def test_the_calculator_gives_result_operation_and_operands(values, operation, operands, result):
    given = {"operation": operation, "operands": operands}
    assert values(CalculatorNode(), given) == [{"result": result, **given}]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ([1, 2], "must be {"),
        ({"operands": [1, 2]}, '"operation" is missing'),
        ({"operation": "add"}, '"operands" is missing'),
        ({"operation": "power", "operands": [1, 2]}, "one of add, subtract, multiply, divide"),
        ({"operation": ["add"], "operands": [1, 2]}, '"operation" must be one of'),
        ({"operation": "add", "operands": [1]}, "list of two numbers, got \\[1\\]"),
        ({"operation": "add", "operands": [1, True]}, "must be a number, got true"),
        ({"operation": "add", "operands": ["1", 2]}, 'must be a number, got "1"'),
        ({"operation": "divide", "operands": [1, 0]}, "division by zero"),
        ({"operation": "multiply", "operands": [1e308, 10]}, "the result must be a finite"),
    ],
)
def test_what_is_no_calculation_is_an_error_that_says_why(values, payload, message):
    with pytest.raises(DataError, match=message):
        values(CalculatorNode(), payload)


@pytest.mark.parametrize("text", ["{", '{"operation": "add", "operands": [NaN, 1]}'])
def test_text_that_is_not_json_is_an_error(drive, text):
    with pytest.raises(DataError):
        drive(CalculatorNode(), [Json.from_text(text)])


def test_multiply_answers_in_the_form_of_the_question(values):
    given = [4, {"value": 4}, {"value": 4, "id": "a"}]
    assert values(MultiplyNode(MultiplyParams(factor=0.5)), *given) == [
        2,
        {"value": 2},
        {"value": 2, "id": "a"},
    ]
    assert values(MultiplyNode(), 4) == [8]


@pytest.mark.parametrize("actor", [MultiplyNode, ExpanderNode, FilterNode, ErrorProneNode])
@pytest.mark.parametrize("payload", ["4", None, True, [4], {"valeu": 4}, {"value": "4"}])
def test_what_is_no_number_is_an_error_that_shows_the_accepted_form(values, actor, payload):
    with pytest.raises(DataError, match="number, got "):
        values(actor(), payload)


@pytest.mark.parametrize("text", ["NaN", "1e999", "1" + "0" * 400])
def test_a_number_that_float_cannot_hold_is_an_error(drive, text):
    with pytest.raises(DataError, match="finite number"):
        drive(MultiplyNode(), [Json.from_text(text)])


def test_a_product_that_float_cannot_hold_is_an_error(values):
    with pytest.raises(DataError, match="the product must be a finite number"):
        values(MultiplyNode(), 1.7e308)


def test_expander_gives_n_items_for_one(values):
    assert values(ExpanderNode(), {"value": 10}) == [
        {"value": 10, "index": 0},
        {"value": 11, "index": 1},
        {"value": 12, "index": 2},
    ]
    assert len(values(ExpanderNode(ExpanderParams.model_validate({"expansionFactor": 7})), 0)) == 7


def test_filter_passes_what_is_large_enough_as_it_came(drive):
    items = [Json(-1), Json(0), Json({"value": 2.5, "id": "a"})]
    passed = drive(FilterNode(), items)
    assert passed[0] is items[1]
    assert passed[1] is items[2]
    assert len(passed) == 2
    assert drive(FilterNode(FilterParams(min_value=3)), items) == []


def test_error_prone_fails_on_its_value_only(values):
    assert values(ErrorProneNode(), 1) == [{"value": 1, "status": "ok"}]
    with pytest.raises(RuntimeError, match="failing on value -1"):
        values(ErrorProneNode(), 0, -1)
    with pytest.raises(RuntimeError, match="failing on value 5"):
        values(ErrorProneNode(ErrorProneParams(error_on_value=5)), {"value": 5.0})


@pytest.mark.parametrize(
    ("payload", "numbers"),
    [
        ({}, list(range(10))),
        ({"start": 2, "end": 8, "step": 3}, [2, 5]),
        ({"start": 3, "end": 0, "step": -1}, [3, 2, 1]),
        ({"end": 2.0}, [0, 1]),
        ({"end": 0}, []),
    ],
)
def test_range_generator_counts(values, payload, numbers):
    assert values(RangeGeneratorNode(), payload) == [{"value": number} for number in numbers]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (5, "must be {"),
        ({"stop": 5}, 'unknown field "stop"'),
        ({"step": 0}, '"step" must not be 0'),
        ({"end": 1.5}, '"end" must be an integer, got 1.5'),
        ({"start": False}, '"start" must be a number'),
    ],
)
def test_what_is_no_range_is_an_error_that_says_why(values, payload, message):
    with pytest.raises(DataError, match=message):
        values(RangeGeneratorNode(), payload)


def test_a_long_range_is_made_while_it_is_read():
    numbers = iter(RangeGeneratorNode().process(Json({"end": 10**15})))
    assert next(numbers).value == {"value": 0}


def test_transform_and_expand_gives_one_item_per_transform(drive):
    forms = drive(TransformAndExpandNode(), [Text("Ab c")])
    assert [item.value for item in forms] == [
        {"text": "AB C", "transform": "upper"},
        {"text": "ab c", "transform": "lower"},
        {"text": "c bA", "transform": "reverse"},
    ]
    params = TransformAndExpandParams(transforms=("reverse",))
    assert len(drive(TransformAndExpandNode(params), [Text("x")])) == 1


@pytest.mark.parametrize(
    ("actor", "item"),
    [
        (CalculatorNode, Json({"operation": "add", "operands": [1, 2]}, metadata={"id": "7"})),
        (MultiplyNode, Json(1, metadata={"id": "7"})),
        (ExpanderNode, Json(1, metadata={"id": "7"})),
        (FilterNode, Json(1, metadata={"id": "7"})),
        (ErrorProneNode, Json(1, metadata={"id": "7"})),
        (RangeGeneratorNode, Json({}, metadata={"id": "7"})),
        (TransformAndExpandNode, Text("a", metadata={"id": "7"})),
    ],
)
def test_outputs_carry_the_metadata_of_their_input(drive, actor, item):
    outputs = drive(actor(), [item])
    assert outputs
    assert all(output.metadata == {"id": "7"} for output in outputs)
