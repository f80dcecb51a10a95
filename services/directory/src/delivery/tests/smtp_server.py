"""A mail server for a test: prints its port, then each message that it takes as a line of JSON.

    smtp_server.py plain|starttls|tls [CERTIFICATE KEY]

It takes only the user `bailiwick` with the password `correct` where there is TLS. What its recipients are called decides
what it answers: `gone` is refused for good, `busy` for now, `silent` is not answered at all.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


def authenticate(server, session, envelope, mechanism, data):
    sound = data.login == b"bailiwick" and data.password == b"correct"
    return AuthResult(success=sound, handled=False, auth_data=data)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        local = address.split("@")[0]
        if local == "gone":
            return f"550 no such mailbox {address}"
        if local == "busy":
            return f"451 try again later {address}"
        if local == "silent":
            await asyncio.sleep(3600)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        print(
            json.dumps(
                {
                    "tls": session.ssl is not None or mode == "tls",
                    "user": session.auth_data.login.decode() if session.authenticated else "",
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
                    "headers": {name.lower(): str(value) for name, value in message.items()},
                    "text": message.get_content(),
                }
            ),
            flush=True,
        )
        return "250 OK"


async def serve():
    context = None
    if mode != "plain":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])

    def connection():
        return SMTP(
            Handler(),
            hostname="test",
            tls_context=context if mode == "starttls" else None,
            require_starttls=mode == "starttls",
            authenticator=authenticate,
            auth_required=mode != "plain",
            auth_require_tls=mode == "starttls",
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=context if mode == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The test ends with its end of the pipe.
    await loop.run_in_executor(None, sys.stdin.read)


mode = sys.argv[1]
asyncio.run(serve())
