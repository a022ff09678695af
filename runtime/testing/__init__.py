"""The test kit that `actors.testing` finds: actors run as the runtime runs them."""
