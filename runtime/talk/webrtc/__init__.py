"""The audio of a conversation over WebRTC: one peer connection, on a UDP socket of its own.

Importing it needs the extra `webrtc`.
"""

from .peer import Peer, open_peer
from .udp import UdpPlace
from .voice import Voice

__all__ = ["Peer", "UdpPlace", "Voice", "open_peer"]
