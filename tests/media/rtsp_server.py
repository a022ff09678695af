"""A small RTSP server: one stream of PCMU audio over TCP, a second long."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=tone\r\nt=0 0\r\nc=IN IP4 0.0.0.0\r\n"
    "m=audio 0 RTP/AVP 0\r\na=control:track\r\n"
)
PACKETS = 50
SAMPLES = 160


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while (line := self.rfile.readline().decode()).strip():
            method = line.split()[0]
            headers = {}
            while text := self.rfile.readline().decode().strip():
                name, _, value = text.partition(":")
                headers[name.lower()] = value.strip()
            self._answer(method, headers["cseq"])
            if method == "PLAY":
                self._play()
            if method in ("PLAY", "TEARDOWN"):
                return

    def _answer(self, method: str, number: str) -> None:
        lines = ["RTSP/1.0 200 OK", f"CSeq: {number}", "Session: 1"]
        body = ""
        if method == "DESCRIBE":
            body = SDP
            lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        elif method == "SETUP":
            lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        elif method == "OPTIONS":
            lines.append("Public: DESCRIBE, SETUP, PLAY, TEARDOWN")
        self.wfile.write(("\r\n".join([*lines, "", ""]) + body).encode())

    def _play(self) -> None:
        for number in range(PACKETS):
            header = struct.pack(">BBHII", 0x80, 0, number, number * SAMPLES, 1)
            packet = header + bytes([0x90, 0x10] * (SAMPLES // 2))
            self.wfile.write(b"$\0" + struct.pack(">H", len(packet)) + packet)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


@contextmanager
def rtsp_server() -> Iterator[str]:
    """Serve for as long as the block lasts; yield the URL."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"rtsp://127.0.0.1:{server.server_address[1]}/tone"
        finally:
            server.shutdown()
            thread.join()
