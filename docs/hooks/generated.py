"""The pages that are made from the code when the site is built."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from node_types_page import node_types_page
from settings_page import settings_page


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add them to the written ones."""
    files.append(File.generated(config, "reference/nodes.md", content=node_types_page()))
    files.append(File.generated(config, "reference/settings.md", content=settings_page()))
    return files
