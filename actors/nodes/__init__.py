"""The node types that come with Millrace, one module each; `actors.catalogue` lists them."""
