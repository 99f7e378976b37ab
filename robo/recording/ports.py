"""Loopback ports for the pages."""

import socket

from robo.errors import UserError


def check_port(port: int) -> None:
    """Check that a page can be served on a loopback port.

    Raises:
        UserError: The port is taken or invalid.
    """
    if not 0 < port < 65536:
        raise UserError(f"--port is {port}; ports go from 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(
                f"port {port} cannot be used ({error.strerror}); choose another --port, or leave "
                "it out and a free one is taken"
            ) from error
