"""The process of a node that `behind_socket` starts."""

import json
import sys

from runtime.worker import LinkSecret, run_node_behind_socket

if __name__ == "__main__":
    secret = LinkSecret(bytes.fromhex(sys.stdin.readline()))
    sys.exit(run_node_behind_socket(secret, lambda address: print(json.dumps(address), flush=True)))
