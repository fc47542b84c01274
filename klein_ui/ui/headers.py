"""What every answer tells the browser: no other page may have it, nothing comes from outside."""

from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from klein_ui import access
from klein_ui.ui import embed
from klein_ui.ui.owners import is_https

SPACES = ("https://huggingface.co", "https://*.hf.space")
"""The pages that show a Space in a frame."""

PERMISSIONS = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"


def content_policy(*, is_space: bool, framed_on: tuple[str, ...] = ()) -> str:
    """The Content-Security-Policy: no host but this one, for whatever.

    Gradio's page has its configuration in inline scripts and compiles the scripts of its events, so
    both have to be allowed; what they could be made to do stays on this host. `framed_on` are
    the origins whose pages may show it in a frame.
    """
    framed_by = " ".join(("'self'", *(SPACES if is_space else ()), *framed_on))
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors {framed_by}",
        )
    )


@dataclass(frozen=True, slots=True)
class Headers:
    """Writes the headers of answers."""

    is_space: bool
    embed_on: tuple[str, ...] = ()

    def on(self, send: Send, scope: Scope, host: str) -> Send:
        """`send` with the headers on whatever begins an answer to what came by `host`."""
        told = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": PERMISSIONS,
            "Cross-Origin-Resource-Policy": "same-origin",
            "Content-Security-Policy": content_policy(
                is_space=self.is_space,
                framed_on=self.embed_on if scope["path"] == embed.PATH else (),
            ),
        }
        # Browsers complain of it where they trust no origin, and a Space is opened by others.
        if not self.is_space and (is_https(scope) or access.is_this_machine(host)):
            told["Cross-Origin-Opener-Policy"] = "same-origin"

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                headers = MutableHeaders(scope=message)
                # Our own page needs none of Gradio's, and nobody else shall have them.
                for name in {name for name in headers if name.startswith("access-control-")}:
                    del headers[name]
                headers.update(told)
            await send(message)

        return with_headers
