"""A service that is answered when its node looks for requests: no executor spins."""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node


class RawService:
    """One service."""

    def __init__(
        self, node: Node, kind: Any, name: str, answer: Callable[[Any, Any], Any]
    ) -> None:
        """Offer the service.

        Args:
            node: that offers it.
            kind: of the service.
            name: absolute, or '~/...'.
            answer: is given a request and a response to fill in, and returns the response.
        """
        self._service = node.create_service(kind, name, answer)

    def serve(self) -> None:
        """Answer every request that waits."""
        service = self._service
        while True:
            request, header = service.handle.service_take_request(service.srv_type.Request)
            if header is None:
                return
            service.send_response(service.callback(request, service.srv_type.Response()), header)
