"""The test kit that `actors.testing` finds: it runs actors as the runtime runs them."""
